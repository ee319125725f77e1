package dev.juggler.launcher.command;

import dev.juggler.launcher.download.ArchiveDownload;
import dev.juggler.launcher.download.CudaRedistributable;
import dev.juggler.launcher.download.DownloadException;
import dev.juggler.launcher.download.RemoteArchive;
import dev.juggler.launcher.download.RemoteArchive.Entry;
import dev.juggler.launcher.download.RemoteFile;
import dev.juggler.launcher.terminal.Progress;
import java.io.PrintWriter;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code juggler plugins install}: fetches libraries that a plugin uses and the system lacks. */
@Command(
        name = "install",
        mixinStandardHelpOptions = true,
        description = {
            "Fetches libraries that a plugin can use and the system does not have.",
            "cuda-redist: NVIDIA's cuBLAS and NVRTC of CUDA 12 (0.7 GB on disk) from a Maven"
                    + " repository, for machines that have the driver and no toolkit. NVIDIA's"
                    + " licence applies to them.",
            "What has come is kept if the connection breaks; the same command goes on there."
        })
final class PluginsInstallCommand implements Callable<Integer> {
    @Spec private CommandSpec spec = CommandSpec.create();

    @Parameters(paramLabel = "NAME", description = "What to fetch: " + CudaRedistributable.NAME)
    private String name = "";

    @Option(
            names = "--repository",
            paramLabel = "URL",
            description = "Maven repository to take it from (default: ${DEFAULT-VALUE})")
    private String repository = CudaRedistributable.REPOSITORY;

    @Option(
            names = "--folder",
            paramLabel = "DIR",
            description =
                    "Where it goes (default: where the CUDA backend looks: JUGGLER_CUDA_LIBRARIES,"
                            + " else ~/.cache/juggler/cuda-libraries)")
    private @Nullable Path folder;

    @Override
    public Integer call() {
        if (!name.equals(CudaRedistributable.NAME)) {
            throw new UserException(
                    "\"%s\" cannot be installed; there is %s"
                            .formatted(name, CudaRedistributable.NAME),
                    2);
        }
        Path target = folder == null ? CudaRedistributable.folder() : folder;
        try {
            install(address(), target.toAbsolutePath());
        } catch (DownloadException e) {
            throw new UserException(String.valueOf(e.getMessage()));
        }
        return 0;
    }

    private URI address() {
        try {
            URI address = CudaRedistributable.in(repository);
            if (address.getHost() != null
                    && String.valueOf(address.getScheme()).startsWith("http")) {
                return address;
            }
        } catch (IllegalArgumentException e) {
            // told below
        }
        throw new UserException("--repository %s is no http address".formatted(repository), 2);
    }

    private void install(URI address, Path target) {
        PrintWriter out = spec.commandLine().getOut();
        try (RemoteFile file = new RemoteFile(address)) {
            RemoteArchive archive = new RemoteArchive(file);
            List<Entry> libraries = CudaRedistributable.libraries(archive, address);
            ArchiveDownload download = new ArchiveDownload(archive, target);
            List<Entry> missing = download.missing(libraries);
            long bytes = download.bytesToCome(missing);
            if (!missing.isEmpty()) {
                out.printf("%d MB come from %s%n", bytes / 1_000_000, address);
            }
            try (Progress progress = Progress.ofBytes(name, bytes)) {
                download.bring(missing, progress::advance);
            }
            for (Entry library : libraries) {
                out.printf(
                        "  %-26s %5d MB  %s%n",
                        library.fileName(),
                        library.size() / 1_000_000,
                        missing.contains(library) ? "fetched" : "was there");
            }
            out.printf("in %s%n", target);
        }
    }
}
