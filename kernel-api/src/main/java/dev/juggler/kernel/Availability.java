package dev.juggler.kernel;

import java.util.List;

/** What a probe found: whether a backend can run on this machine. */
public sealed interface Availability {
    /**
     * It can.
     *
     * @param score higher wins where several backends could be the default; reference 0, CPU 100,
     *     GPU above
     * @param devices names of the devices it can open, at least one
     * @param detail one line for people
     */
    record Usable(int score, List<String> devices, String detail) implements Availability {}

    /**
     * It cannot.
     *
     * @param reason what is missing
     * @param remedy what the user can do, or empty
     */
    record Unusable(String reason, String remedy) implements Availability {}
}
