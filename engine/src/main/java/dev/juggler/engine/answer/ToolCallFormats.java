package dev.juggler.engine.answer;

import java.util.Optional;

/** The formats that are known, told apart by what the model's chat template shows it. */
public final class ToolCallFormats {
    private ToolCallFormats() {}

    /**
     * The format that a template teaches, if it is one of ours. Without one, calls stay in the
     * text.
     */
    public static Optional<ToolCallFormat> of(String template) {
        boolean tagged = template.contains(HermesFormat.OPENING);
        // Qwen3-Coder and GLM write XML in the same tags.
        boolean json = !template.contains("<function=") && !template.contains("<arg_key>");
        return tagged && json ? Optional.of(new HermesFormat()) : Optional.empty();
    }
}
