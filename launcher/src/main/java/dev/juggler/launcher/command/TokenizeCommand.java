package dev.juggler.launcher.command;

import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.tokenizer.Tokenizer;
import dev.juggler.engine.tokenizer.Tokenizers;
import dev.juggler.launcher.terminal.TextTable;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.JsonNode;

/** {@code juggler tokenize}: text to ids and back. */
@Command(
        name = "tokenize",
        mixinStandardHelpOptions = true,
        description = {
            "Turns text into token ids with a model's tokenizer, or ids into text. Nothing is added to the"
                    + " text unless --bos is given.",
            "",
            "  juggler tokenize MODEL \"some text\"",
            "  juggler tokenize MODEL --decode 1,2,3",
            "  juggler tokenize MODEL --jsonl FILE    lines {\"text\": ..., \"special\": true|false}",
            "                                         give lines {\"ids\": [...]}",
            ""
        })
final class TokenizeCommand implements Callable<Integer> {
    @Parameters(
            index = "0",
            paramLabel = "MODEL",
            description = "a configured name, or the path of a GGUF file")
    private String model = "";

    @Parameters(index = "1", arity = "0..1", paramLabel = "TEXT", description = "what to tokenize")
    private @Nullable String text;

    @Option(
            names = "--jsonl",
            paramLabel = "FILE",
            description =
                    "read cases from a file, - for standard input; \"special\" is false if absent")
    private @Nullable Path file;

    @Option(names = "--decode", paramLabel = "IDS", description = "print the text of these ids")
    private @Nullable String decode;

    @Option(names = "--no-special", description = "do not recognise control tokens written in TEXT")
    private boolean noSpecial;

    @Option(names = "--bos", description = "add what the model wants at the beginning")
    private boolean bos;

    @Mixin private CommonOptions common = new CommonOptions();
    @Spec private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        Logging.beQuiet();
        ModelArgument chosen = ModelArgument.resolve(common.configuration(), model);
        PrintWriter out = spec.commandLine().getOut();
        try (GgufFile gguf = GgufFile.open(chosen.path())) {
            Tokenizer tokenizer = Tokenizers.load(gguf.metadata());
            if (file != null) {
                JsonLines.answer(
                        file, out, line -> JsonLines.write(Map.of("ids", ids(tokenizer, line))));
            } else if (decode != null) {
                out.println(tokenizer.decode(decoded(tokenizer, decode)));
            } else if (text != null) {
                print(tokenizer, out, encode(tokenizer, text, !noSpecial));
            } else {
                throw new UserException("give a TEXT, --jsonl FILE or --decode IDS", 2);
            }
        }
        out.flush();
        return 0;
    }

    private int[] encode(Tokenizer tokenizer, String given, boolean special) {
        return bos ? tokenizer.encodeWithBos(given, special) : tokenizer.encode(given, special);
    }

    private int[] ids(Tokenizer tokenizer, String line) {
        JsonNode object = JsonLines.parse(line);
        JsonNode given = object.path("text");
        if (!given.isString()) {
            throw new UserException("\"text\" is missing or no string", 2);
        }
        return encode(tokenizer, given.stringValue(), object.path("special").asBoolean(false));
    }

    private static int[] decoded(Tokenizer tokenizer, String text) {
        List<Integer> ids = TokenIds.parse(text, "--decode");
        for (int id : ids) {
            if (id < 0 || id >= tokenizer.vocabularySize()) {
                throw new UserException(
                        "--decode: %d is not in the vocabulary of %d tokens"
                                .formatted(id, tokenizer.vocabularySize()),
                        2);
            }
        }
        return ids.stream().mapToInt(Integer::intValue).toArray();
    }

    private static void print(Tokenizer tokenizer, PrintWriter out, int[] ids) {
        TextTable table = new TextTable();
        for (int id : ids) {
            table.row(
                    id,
                    visible(tokenizer.piece(id)),
                    tokenizer.type(id).name().toLowerCase(java.util.Locale.ROOT));
        }
        out.print(table);
        out.println(
                IntStream.of(ids)
                                .mapToObj(String::valueOf)
                                .collect(Collectors.joining(", ", "[", "]"))
                        + "  "
                        + ids.length
                        + " tokens");
    }

    private static String visible(String piece) {
        return "'" + piece.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r") + "'";
    }
}
