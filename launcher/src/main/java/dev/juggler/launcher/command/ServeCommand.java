package dev.juggler.launcher.command;

import dev.juggler.launcher.Wiring;
import dev.juggler.launcher.config.Configuration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code juggler serve}: the server. */
@Command(
        name = "serve",
        mixinStandardHelpOptions = true,
        description = {
            "Serves the configured models (without a configuration: the built-in demo model) to OpenAI and"
                    + " Ollama clients.",
            "Stops on Ctrl-C; running answers may finish within juggler.server.shutdown-grace."
        })
final class ServeCommand implements Callable<Integer> {
    @Parameters(
            arity = "0..1",
            paramLabel = "MODEL",
            description =
                    "also serve this GGUF file, loaded at once; or load this configured model")
    private @Nullable String model;

    @Option(names = "--host", paramLabel = "HOST", description = "address to listen on")
    private @Nullable String host;

    @Option(names = "--port", paramLabel = "PORT", description = "port to listen on; 0: any free")
    private @Nullable Integer port;

    @Mixin private CommonOptions common = new CommonOptions();
    @Mixin private MemoryOptions memory = new MemoryOptions();
    @Spec private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        Map<String, String> overrides = new LinkedHashMap<>();
        if (host != null) {
            overrides.put("juggler.server.host", host);
        }
        if (port != null) {
            overrides.put("juggler.server.port", port.toString());
        }
        Configuration configuration = memory.applyToServer(common.configuration()).with(overrides);
        ModelArgument chosen = model == null ? null : ModelArgument.resolve(configuration, model);
        Wiring wiring = Wiring.server(chosen == null ? configuration : chosen.configuration());
        try {
            wiring.start(chosen == null ? null : chosen.name());
            wiring.describe(spec.commandLine().getOut());
            spec.commandLine().getOut().flush();
        } catch (RuntimeException e) {
            wiring.close();
            throw e;
        }
        Runtime.getRuntime().addShutdownHook(new Thread(wiring::close, "shutdown"));
        return RootCommand.KEEP_RUNNING;
    }
}
