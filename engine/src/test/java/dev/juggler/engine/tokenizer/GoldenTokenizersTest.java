package dev.juggler.engine.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.tck.GoldenData;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Every id of the golden vocabularies, which independent tokenizers have agreed on. */
class GoldenTokenizersTest {
    private static final JsonMapper JSON = new JsonMapper();

    /** What some answers got wrong, and how many there were. */
    private static final class Score {
        private final String name;
        private final List<String> wrong = new ArrayList<>();
        private int run;

        Score(String name) {
            this.name = name;
        }

        void check(String text, int[] expected, int[] actual) {
            run++;
            if (!Arrays.equals(expected, actual)) {
                wrong.add(
                        "%s%n  expected %s%n  actual   %s"
                                .formatted(
                                        JSON.writeValueAsString(text),
                                        Arrays.toString(expected),
                                        Arrays.toString(actual)));
            }
        }

        void check(String text, String expected, String actual) {
            check(text, expected.codePoints().toArray(), actual.codePoints().toArray());
        }

        void finish() {
            System.out.printf("golden %s: %d run, %d passed%n", name, run, run - wrong.size());
            assertTrue(run > 0, name + ": no cases");
            assertEquals(List.of(), wrong, name);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "deepseek-coder",
                "deepseek-llm",
                "deepseek-v3",
                "falcon",
                "gpt-2",
                "llama-spm",
                "llama3",
                "phi-3",
                "qwen3",
                "starcoder"
            })
    void encodesAndDecodes(String name) {
        Path folder = GoldenData.require("tokenizers");
        Tokenizer tokenizer = load(folder.resolve(name + ".gguf"));
        Score ids = new Score("tokenizer ids " + name);
        Score texts = new Score("tokenizer texts " + name);
        for (JsonNode line : lines(folder.resolve(name + ".jsonl"))) {
            String text = line.get("text").asString();
            boolean special = line.get("special").asBoolean();
            int[] expected = ints(line.get("ids"));
            ids.check(text, expected, tokenizer.encode(text, special));
            // The one other note: falcon has no token for a byte.
            boolean whole = !line.has("note") || line.get("note").asString().startsWith("NFC");
            if (whole && !special) {
                texts.check(text, decoded(name, text), tokenizer.decode(expected));
            }
        }
        Path inputs = folder.resolve(name + ".inp");
        if (Files.exists(inputs)) {
            List<String> outputs = read(folder.resolve(name + ".out")).lines().toList();
            String[] cases = read(inputs).split("\n__ggml_vocab_test__\n", -1);
            for (int i = 0; i < outputs.size(); i++) {
                int[] expected =
                        Stream.of(outputs.get(i).trim().split(" +"))
                                .filter(id -> !id.isEmpty())
                                .mapToInt(Integer::parseInt)
                                .toArray();
                // These outputs are llama.cpp's, which does not normalize; the .jsonl has this
                // text.
                if (name.equals("qwen3")
                        && !Normalizer.isNormalized(cases[i], Normalizer.Form.NFC)) {
                    System.out.printf("qwen3.inp case %d is no NFC: left to qwen3.jsonl%n", i);
                    continue;
                }
                ids.check(cases[i], expected, tokenizer.encode(cases[i], false));
            }
        }
        texts.finish();
        ids.finish();
    }

    /** What is left of a text: NFC for qwen3, spaces for literal U+2581 in SentencePiece. */
    private static String decoded(String name, String text) {
        return switch (name) {
            case "qwen3" -> Normalizer.normalize(text, Normalizer.Form.NFC);
            case "llama-spm", "phi-3" -> text.replace('\u2581', ' ');
            default -> text;
        };
    }

    @Test
    void encodesThePromptsOfTheEndToEndCases() {
        Path file = GoldenData.require("logits/e2e.jsonl");
        Score prompts = new Score("prompts end to end");
        Score answers = new Score("answers end to end");
        for (JsonNode line : lines(file)) {
            Tokenizer tokenizer =
                    load(GoldenData.require("models/" + line.get("model").asString()));
            String prompt = line.get("prompt").asString();
            prompts.check(
                    prompt,
                    ints(line.get("prompt_ids")),
                    line.get("add_special").asBoolean()
                            ? tokenizer.encodeWithBos(prompt, true)
                            : tokenizer.encode(prompt, true));
            StreamingDecoder decoder = tokenizer.continuationDecoder();
            StringBuilder text = new StringBuilder();
            for (int id : ints(line.get("ids"))) {
                text.append(decoder.accept(id));
            }
            text.append(decoder.finish());
            byte[] bytes = java.util.HexFormat.of().parseHex(line.get("bytes_hex").asString());
            answers.check(prompt, new String(bytes, StandardCharsets.UTF_8), text.toString());
        }
        prompts.finish();
        answers.finish();
    }

    private static Tokenizer load(Path path) {
        try (GgufFile file = GgufFile.open(path)) {
            return Tokenizers.load(file.metadata());
        }
    }

    private static List<JsonNode> lines(Path file) {
        return read(file).lines().map(JSON::readTree).toList();
    }

    private static int[] ints(JsonNode array) {
        int[] ids = new int[array.size()];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = array.get(i).asInt();
        }
        return ids;
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
