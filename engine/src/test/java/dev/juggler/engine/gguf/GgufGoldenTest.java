package dev.juggler.engine.gguf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.tck.GoldenData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Every golden file opens, and says what is known of it. */
class GgufGoldenTest {
    @Test
    void opensEveryModel() throws IOException {
        List<Path> models = files("models");
        for (Path model : models) {
            try (GgufFile file = GgufFile.open(model)) {
                assertEquals(3, file.version());
                assertEquals(Files.size(model), file.fileBytes());
                assertEquals(file.metadata().keys(), file.metadata().asMap().keySet());
                assertTrue(file.parameters() > 100_000, model.toString());
                assertTrue(file.tensorBytes() < file.fileBytes(), model.toString());
                GgufTensor last = file.tensors().getLast();
                assertEquals(Files.size(model), roundUp(last.offset() + last.bytes()));
                // the type in the file's name is the one that has most bytes
                String type = model.getFileName().toString().replaceAll(".*?\\.(.*)\\.gguf", "$1");
                assertEquals(type.replace("_M", ""), dominant(file).replace("_M", ""));
            }
        }
        System.out.printf("golden models opened: %d of %d%n", models.size(), models.size());
    }

    private static String dominant(GgufFile file) {
        return file.find("blk.0.ffn_gate_exps.weight") == null
                ? file.tensor("blk.0.attn_output.weight").typeName()
                : file.tensor("blk.0.ffn_gate_exps.weight").typeName();
    }

    private static long roundUp(long bytes) {
        return Math.ceilDiv(bytes, 32) * 32;
    }

    @Test
    void opensEveryVocabulary() throws IOException {
        List<Path> vocabularies = files("tokenizers");
        for (Path vocabulary : vocabularies) {
            long start = System.nanoTime();
            try (GgufFile file = GgufFile.open(vocabulary)) {
                long opened = System.nanoTime();
                List<String> tokens = file.metadata().strings("tokenizer.ggml.tokens");
                long read = System.nanoTime();
                assertTrue(tokens.size() > 30_000);
                assertEquals(0, file.tensors().size());
                assertEquals(
                        "none",
                        file.metadata().has("general.file_type") ? "none" : file.quantization());
                System.out.printf(
                        "%s: %d tokens, opened in %.1f ms, tokens in %.1f ms%n",
                        vocabulary.getFileName(),
                        tokens.size(),
                        (opened - start) / 1e6,
                        (read - opened) / 1e6);
            }
        }
        System.out.printf(
                "golden vocabularies opened: %d of %d%n", vocabularies.size(), vocabularies.size());
    }

    private static List<Path> files(String folder) throws IOException {
        try (var files = Files.list(GoldenData.require(folder))) {
            return files.filter(file -> file.toString().endsWith(".gguf")).sorted().toList();
        }
    }
}
