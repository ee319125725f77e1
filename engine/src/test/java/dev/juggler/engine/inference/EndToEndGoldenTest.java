package dev.juggler.engine.inference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.juggler.engine.device.Devices;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.inference.DemoModel.Told;
import dev.juggler.engine.tokenizer.Tokenizer;
import dev.juggler.engine.tokenizer.Tokenizers;
import dev.juggler.inference.GenerationEvent;
import dev.juggler.inference.GenerationRequest;
import dev.juggler.inference.Message;
import dev.juggler.inference.Prompt;
import dev.juggler.inference.Sampling;
import dev.juggler.tck.GoldenData;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Text to text, as llama.cpp answers: template, tokenizer, model, sampler, decoder together. */
@Timeout(600)
class EndToEndGoldenTest {
    /** Below this distance of the two largest logits, engines may differ. */
    private static final double MARGIN = 1e-3;

    private int prompts;
    private int tokens;
    private int texts;

    @Test
    void textsAreThoseOfLlamaCpp() throws Exception {
        Path file = GoldenData.require("logits/e2e.jsonl");
        Map<String, List<JsonNode>> byModel = new LinkedHashMap<>();
        int cases = 0;
        for (String line : Files.readAllLines(file)) {
            JsonNode golden = JsonMapper.shared().readTree(line);
            byModel.computeIfAbsent(golden.get("model").stringValue(), m -> new ArrayList<>())
                    .add(golden);
            cases++;
        }
        try (Devices devices = DemoModel.devices()) {
            for (Map.Entry<String, List<JsonNode>> model : byModel.entrySet()) {
                Path path = GoldenData.require("models/" + model.getKey());
                try (GgufFile gguf = GgufFile.open(path)) {
                    Tokenizer tokenizer = Tokenizers.load(gguf.metadata());
                    for (JsonNode golden : model.getValue()) {
                        checkPrompt(golden, tokenizer);
                        check(golden, path, tokenizer, devices);
                    }
                }
            }
        }
        System.out.printf(
                "golden end to end: %d of %d texts equal (%d tokens), %d of %d prompts%n",
                texts, cases, tokens, prompts, cases);
        assertTrue(texts > 0);
    }

    private void checkPrompt(JsonNode golden, Tokenizer tokenizer) {
        int[] ids = tokenizer.encodeWithBos(golden.get("prompt").stringValue(), true);
        assertEquals(ints(golden.get("prompt_ids")), Arrays.stream(ids).boxed().toList());
        prompts++;
    }

    private void check(JsonNode golden, Path path, Tokenizer tokenizer, Devices devices)
            throws InterruptedException {
        Config config =
                ConfigFactory.parseString(
                        ("juggler.exact = true, juggler.models.m { path = \"%s\", context = 256,"
                                        + " parallel = 2 }")
                                .formatted(path));
        List<Integer> expected = ints(golden.get("ids"));
        try (LocalInference inference = new LocalInference(config, devices)) {
            Prompt plain = new Prompt.Text(golden.get("prompt").stringValue(), true);
            Told told = DemoModel.read(inference.submit(request(plain, expected.size())));
            assertEquals(ints(golden.get("prompt_ids")), told.promptIds());
            int sure = sureTokens(golden);
            List<Integer> actual = told.end().generatedIds();
            assertEquals(expected.subList(0, sure), actual.subList(0, sure), golden.toString());
            tokens += sure;
            if (sure == expected.size()) {
                checkText(golden, told, tokenizer);
            }
            if (golden.get("messages").isArray()) {
                Told chat = DemoModel.read(inference.submit(request(conversation(golden), 8)));
                assertEquals(told.promptIds(), chat.promptIds(), "by way of the template");
            }
            texts++;
        }
    }

    private static void checkText(JsonNode golden, Told told, Tokenizer tokenizer) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int id : told.end().generatedIds()) {
            if (!tokenizer.isControl(id)) {
                bytes.writeBytes(tokenizer.bytes(id));
            }
        }
        assertEquals(
                golden.get("bytes_hex").stringValue(),
                HexFormat.of().formatHex(bytes.toByteArray()));
        StringBuilder text = new StringBuilder();
        for (GenerationEvent event : told.events()) {
            text.append(((GenerationEvent.Text) event).text());
        }
        assertEquals(new String(bytes.toByteArray(), StandardCharsets.UTF_8), text.toString());
    }

    private static int sureTokens(JsonNode golden) {
        JsonNode margins = golden.get("margins");
        for (int i = 0; i < margins.size(); i++) {
            if (margins.get(i).doubleValue() < MARGIN) {
                return i;
            }
        }
        return margins.size();
    }

    private static Prompt conversation(JsonNode golden) {
        List<Message> messages = new ArrayList<>();
        for (JsonNode message : golden.get("messages")) {
            messages.add(
                    Message.of(
                            message.get("role").stringValue(),
                            message.get("content").stringValue()));
        }
        return new Prompt.Chat(messages, List.of(), Map.of());
    }

    private static GenerationRequest request(Prompt prompt, int maxTokens) {
        return new GenerationRequest(
                "m", prompt, Sampling.GREEDY, maxTokens, List.of(), true, null, null);
    }

    private static List<Integer> ints(JsonNode array) {
        List<Integer> ints = new ArrayList<>();
        array.forEach(value -> ints.add(value.intValue()));
        return ints;
    }
}
