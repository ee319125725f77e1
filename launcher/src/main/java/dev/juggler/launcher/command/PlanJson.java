package dev.juggler.launcher.command;

import dev.juggler.engine.placement.Plan;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A plan for programs. */
final class PlanJson {
    private PlanJson() {}

    /**
     * The object that {@code plan --json} prints: {@code fits}, {@code devices}, {@code placement},
     * {@code prediction}; {@code remedies} where it does not fit, {@code warnings} where there are
     * any. Sizes in bytes.
     */
    static Map<String, Object> of(Plan plan) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("fits", plan.fits());
        Map<String, Object> devices = new LinkedHashMap<>();
        for (Plan.Ledger ledger : plan.devices()) {
            devices.put(ledger.device(), device(ledger));
        }
        json.put("devices", devices);
        json.put("placement", plan.rows().stream().map(PlanJson::component).toList());
        Map<String, Object> prediction = new LinkedHashMap<>();
        prediction.put("decode_tokens_per_second", plan.prediction().decodeTokensPerSecond());
        prediction.put("prefill_tokens_per_second", plan.prediction().prefillTokensPerSecond());
        prediction.put("bound_by", plan.prediction().boundBy());
        json.put("prediction", prediction);
        if (!plan.fits()) {
            json.put("remedies", plan.remedies());
        }
        if (!plan.warnings().isEmpty()) {
            json.put("warnings", plan.warnings());
        }
        return json;
    }

    private static Map<String, Object> device(Plan.Ledger ledger) {
        Map<String, Object> device = new LinkedHashMap<>();
        device.put("weights", ledger.weights());
        device.put("kv", ledger.cache());
        device.put("buffers", ledger.buffers());
        device.put("total", ledger.needed());
        device.put("limit", ledger.available());
        return device;
    }

    private static Map<String, Object> component(Plan.Row row) {
        Map<String, Object> component = new LinkedHashMap<>();
        component.put("component", name(row));
        component.put("device", row.device());
        component.put("bytes", row.bytes());
        component.put("rule", row.rule());
        return component;
    }

    /** In the words of rules: {@code experts layers=3-12 experts=0-31}. */
    private static String name(Plan.Row row) {
        List<String> words = new ArrayList<>();
        words.add(row.part().equals("cache") ? "kv" : row.part());
        if (!row.layers().isEmpty()) {
            words.add("layers=" + row.layers());
        }
        if (!row.experts().isEmpty()) {
            words.add("experts=" + row.experts());
        }
        return String.join(" ", words);
    }
}
