package dev.juggler.launcher.command;

import java.util.ArrayList;
import java.util.List;

/** Token ids as text: {@code 1,2,3}. */
final class TokenIds {
    private TokenIds() {}

    /**
     * @param option names the option in an error
     * @throws UserException if something is not a number
     */
    static List<Integer> parse(String text, String option) {
        List<Integer> ids = new ArrayList<>();
        for (String part : text.strip().split("[,\\s]+", -1)) {
            try {
                ids.add(Integer.parseInt(part));
            } catch (NumberFormatException e) {
                throw new UserException(
                        "%s: \"%s\" is no token id; write numbers with commas, e.g. 1,2,3"
                                .formatted(option, part),
                        2);
            }
        }
        return ids;
    }
}
