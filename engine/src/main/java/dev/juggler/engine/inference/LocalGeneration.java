package dev.juggler.engine.inference;

import dev.juggler.engine.scheduler.Ending;
import dev.juggler.engine.scheduler.SampledToken;
import dev.juggler.engine.scheduler.Sequence;
import dev.juggler.inference.Generation;
import dev.juggler.inference.GenerationEvent;
import dev.juggler.inference.GenerationEvent.FinishReason;
import dev.juggler.inference.GenerationEvent.Finished;
import dev.juggler.inference.GenerationEvent.Started;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A sequence of a model in this process, as its consumer sees it. */
final class LocalGeneration implements Generation {
    private final ModelSlot.Lease lease;
    private final Sequence sequence;
    private final Answer answer;
    private final RequestClock clock;
    private final ArrayDeque<GenerationEvent> events = new ArrayDeque<>();
    private final List<Integer> generated = new ArrayList<>();
    private boolean complete;

    LocalGeneration(ModelSlot.Lease lease, Sequence sequence, Answer answer, RequestClock clock) {
        this.lease = lease;
        this.sequence = sequence;
        this.answer = answer;
        this.clock = clock;
        events.add(new Started(Arrays.stream(answer.promptIds()).boxed().toList()));
    }

    @Override
    public String model() {
        return lease.model().name();
    }

    @Override
    public GenerationEvent next() throws InterruptedException {
        while (events.isEmpty()) {
            if (complete) {
                throw new IllegalStateException("the generation is over");
            }
            try {
                readToken();
            } catch (RuntimeException e) {
                complete = true;
                close();
                throw e;
            }
        }
        return events.remove();
    }

    @Override
    public void close() {
        sequence.cancel();
        lease.close();
    }

    private void readToken() throws InterruptedException {
        SampledToken token = sequence.take();
        if (token != null) {
            generated.add(token.id());
            events.addAll(answer.accept(token));
            if (!answer.stopped()) {
                return;
            }
        } else {
            events.addAll(answer.finish());
        }
        FinishReason reason = reason(sequence.ending());
        sequence.cancel(); // after a stop text it still runs
        events.add(
                new Finished(
                        reason,
                        clock.usage(answer.promptIds().length, generated.size(), sequence.timing()),
                        List.copyOf(generated)));
        complete = true;
        lease.close();
    }

    private FinishReason reason(@Nullable Ending ending) {
        if (answer.stopped() || ending == Ending.END_OF_TEXT) {
            return answer.callsTools() ? FinishReason.TOOL_CALLS : FinishReason.STOP;
        }
        return ending == Ending.LENGTH ? FinishReason.LENGTH : FinishReason.CANCELLED;
    }
}
