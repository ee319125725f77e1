package dev.juggler.engine.scheduler;

import dev.juggler.engine.sampling.LogitRow;
import dev.juggler.inference.InferenceException;
import dev.juggler.kernel.Tensor;
import org.jspecify.annotations.Nullable;

/** Chooses the next tokens of a step's sequences, each by its own sampler. */
public final class StepSampler {
    private final LogitRow row;
    private final Choices choices;

    /**
     * @param maxSequences sequences that a step may have
     */
    public StepSampler(int vocabularySize, int maxSequences) {
        row = new LogitRow(vocabularySize);
        choices = new Choices(maxSequences);
    }

    /**
     * Waits for the logits and chooses. A sequence whose logits are no numbers has an error instead
     * of a token.
     *
     * @param logits F32 [outputs, vocabulary]
     * @return valid until the next call
     */
    public Choices sample(Step step, Tensor logits) {
        int output = 0;
        for (int index = 0; index < step.size(); index++) {
            choices.set(index, null, null);
            if (step.hasOutput(index)) {
                row.load(logits, output++);
                choose(step.sequence(index), index);
            }
        }
        return choices;
    }

    private void choose(Sequence sequence, int index) {
        @Nullable Integer top = sequence.topLogprobs();
        if (top != null) {
            row.keep();
        }
        try {
            int id = sequence.sampler().choose(row, sequence.tokens(), sequence.length());
            choices.set(
                    index, new SampledToken(id, top == null ? null : row.logprobs(id, top)), null);
        } catch (InferenceException e) {
            choices.set(index, null, e);
        }
    }
}
