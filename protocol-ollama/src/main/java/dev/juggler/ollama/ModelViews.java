package dev.juggler.ollama;

import dev.juggler.inference.LoadedModel;
import dev.juggler.inference.ModelCard;
import dev.juggler.protocol.json.Json;
import java.time.Instant;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Models as tags, show and ps tell of them. */
final class ModelViews {
    /** Devices whose memory is the host's own. */
    private static final Set<String> HOST_DEVICES = Set.of("cpu", "reference");

    /** A date that clients can parse and nobody will see. */
    private static final Instant NEVER = Instant.parse("9999-12-31T23:59:59Z");

    private ModelViews() {}

    static ObjectNode tag(ModelCard card) {
        return named(card)
                .put("modified_at", card.modified().toString())
                .put("size", card.bytes())
                .put("digest", card.digest())
                .set("details", details(card));
    }

    static ObjectNode running(LoadedModel model) {
        long total = 0;
        long device = 0;
        for (Map.Entry<String, Long> bytes : model.bytesByDevice().entrySet()) {
            total += bytes.getValue();
            device += HOST_DEVICES.contains(bytes.getKey()) ? 0 : bytes.getValue();
        }
        Instant expires = model.expires();
        ObjectNode node =
                named(model.card()).put("size", total).put("digest", model.card().digest());
        node.set("details", details(model.card()));
        return node.put("expires_at", (expires == null ? NEVER : expires).toString())
                .put("size_vram", device)
                .put("context_length", model.context());
    }

    private static ObjectNode named(ModelCard card) {
        return Json.object().put("name", card.name()).put("model", card.name());
    }

    private static ObjectNode details(ModelCard card) {
        ObjectNode details =
                Json.object()
                        .put("parent_model", "")
                        .put("format", "gguf")
                        .put("family", card.family());
        details.putArray("families").add(card.family());
        return details.put("parameter_size", count(card.parameters()))
                .put("quantization_level", card.quantization());
    }

    static ObjectNode show(ModelCard card, boolean verbose) {
        ObjectNode answer = Json.object();
        if (card.metadata().get("general.license") instanceof String license) {
            answer.put("license", license);
        }
        String template = card.chatTemplate() == null ? "" : card.chatTemplate();
        answer.put("modelfile", "FROM " + card.path().getFileName() + "\n")
                .put("parameters", "num_ctx " + card.context())
                .put("template", template);
        answer.set("details", details(card));
        answer.set("model_info", information(card));
        if (verbose) {
            ArrayNode tensors = answer.putArray("tensors");
            for (ModelCard.TensorCard tensor : card.tensors()) {
                ObjectNode node =
                        tensors.addObject().put("name", tensor.name()).put("type", tensor.type());
                node.set("shape", Json.node(tensor.shape()));
            }
        }
        answer.set("capabilities", Json.node(card.capabilities()));
        return answer.put("modified_at", card.modified().toString());
    }

    private static JsonNode information(ModelCard card) {
        ObjectNode information = Json.object();
        card.metadata().forEach((key, value) -> information.set(key, Json.node(value)));
        return information.put("general.parameter_count", card.parameters());
    }

    /** {@code 8.0B}, {@code 494.03M}, {@code 12K}. */
    static String count(long parameters) {
        if (parameters >= 1_000_000_000) {
            return String.format(Locale.ROOT, "%.1fB", parameters / 1e9);
        }
        if (parameters >= 1_000_000) {
            return String.format(Locale.ROOT, "%.2fM", parameters / 1e6);
        }
        return parameters >= 1_000 ? parameters / 1_000 + "K" : Long.toString(parameters);
    }
}
