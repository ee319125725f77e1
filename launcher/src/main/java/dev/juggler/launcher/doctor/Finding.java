package dev.juggler.launcher.doctor;

/**
 * One thing that was looked at.
 *
 * @param state how it is
 * @param subject what it is
 * @param detail what was found
 * @param remedy what to do, or empty
 */
public record Finding(State state, String subject, String detail, String remedy) {
    /** How a thing is. */
    public enum State {
        OK("ok"),
        /** Juggler runs, but less well than it could. */
        WARNING("warn"),
        /** Juggler cannot run. */
        BROKEN("FAIL");

        private final String label;

        State(String label) {
            this.label = label;
        }

        /** As it stands at the start of a line. */
        public String label() {
            return label;
        }
    }

    public static Finding ok(String subject, String detail) {
        return new Finding(State.OK, subject, detail, "");
    }

    public static Finding warning(String subject, String detail, String remedy) {
        return new Finding(State.WARNING, subject, detail, remedy);
    }

    public static Finding broken(String subject, String detail, String remedy) {
        return new Finding(State.BROKEN, subject, detail, remedy);
    }
}
