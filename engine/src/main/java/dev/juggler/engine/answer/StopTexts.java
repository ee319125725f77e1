package dev.juggler.engine.answer;

import java.util.List;

/**
 * Finds the first stop text in a stream: the one that is complete first. Holds back only what may
 * be the beginning of one. Not safe for many threads.
 */
final class StopTexts {
    private final List<String> stops;
    private String held = "";
    private boolean found;

    StopTexts(List<String> stops) {
        this.stops = stops.stream().filter(stop -> !stop.isEmpty()).toList();
    }

    /** What of the text so far is certainly no stop text and was not given before. */
    String accept(String piece) {
        if (found) {
            return "";
        }
        String text = held + piece;
        int start = -1;
        int end = Integer.MAX_VALUE;
        for (String stop : stops) {
            int at = text.indexOf(stop);
            int atEnd = at + stop.length();
            if (at >= 0 && (atEnd < end || (atEnd == end && at < start))) {
                start = at;
                end = atEnd;
            }
        }
        if (start >= 0) {
            found = true;
            held = "";
            return text.substring(0, start);
        }
        int safe = text.length();
        for (String stop : stops) {
            safe = Math.min(safe, text.length() - Prefixes.atEnd(text, stop));
        }
        held = text.substring(safe);
        return text.substring(0, safe);
    }

    /** What was held back, once the stream has ended. */
    String finish() {
        String rest = held;
        held = "";
        return rest;
    }

    boolean found() {
        return found;
    }
}
