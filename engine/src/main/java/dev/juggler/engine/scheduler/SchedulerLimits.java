package dev.juggler.engine.scheduler;

import java.time.Duration;

/**
 * The limits of a scheduler.
 *
 * @param context most positions of a sequence, prompt and answer
 * @param parallel most sequences that run at once
 * @param stepRows most rows of a step
 * @param queue most requests that wait for a place
 * @param events tokens that a consumer may be behind before its sequence is parked
 * @param stall how long a parked sequence keeps its place while others wait
 */
public record SchedulerLimits(
        int context, int parallel, int stepRows, int queue, int events, Duration stall) {
    public SchedulerLimits {
        require(context >= 2, "context", context, "at least 2");
        require(parallel >= 1, "parallel", parallel, "at least 1");
        // So that every sequence that can go on does so in every step.
        require(stepRows >= parallel, "step-rows", stepRows, "at least parallel = " + parallel);
        require(queue >= 0, "queue", queue, "0 or more");
        require(events >= 1, "events", events, "at least 1");
    }

    private static void require(boolean holds, String name, int value, String range) {
        if (!holds) {
            throw new IllegalArgumentException(
                    "%s is %d, it must be %s".formatted(name, value, range));
        }
    }
}
