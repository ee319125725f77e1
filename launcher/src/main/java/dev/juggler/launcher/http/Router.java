package dev.juggler.launcher.http;

import dev.juggler.protocol.Protocol;
import dev.juggler.protocol.Route;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/** Finds the route of a request among the routes of all protocols. */
final class Router {
    /** A protocol and its name in the configuration. */
    record Mount(String name, Protocol protocol) {}

    /** A route that fits, with the values of its path parameters. */
    record Match(Mount mount, Route route, Map<String, String> parameters) {}

    private record Entry(Mount mount, Route route, List<String> pattern) {}

    private final List<Entry> entries = new ArrayList<>();

    /**
     * @param protocols by name, in the order of their precedence in messages
     * @throws IllegalArgumentException if two claim the same method and path, naming both
     */
    Router(Map<String, Protocol> protocols) {
        Map<String, Mount> claims = new HashMap<>();
        protocols.forEach((name, protocol) -> {
            Mount mount = new Mount(name, protocol);
            for (Route route : protocol.routes()) {
                List<String> pattern = segments(route.path());
                Mount other = claims.put(claim(route.method(), pattern), mount);
                if (other != null) {
                    throw new IllegalArgumentException(
                            "the protocols '%s' and '%s' both claim %s %s; disable one of them"
                                    .formatted(other.name(), name, route.method(), route.path()));
                }
                entries.add(new Entry(mount, route, pattern));
            }
        });
    }

    /** The same text for patterns that match the same paths, whatever their parameters' names. */
    private static String claim(String method, List<String> pattern) {
        StringBuilder text = new StringBuilder(method);
        for (String segment : pattern) {
            text.append('/')
                    .append(isTail(segment) ? "{*}" : isParameter(segment) ? "{}" : segment);
        }
        return text.toString();
    }

    /** {@code /a/b} to [a, b]; the root is an empty list; one slash at the end is ignored. */
    static List<String> segments(String path) {
        String bare = path.startsWith("/") ? path.substring(1) : path;
        if (bare.endsWith("/")) {
            bare = bare.substring(0, bare.length() - 1);
        }
        return bare.isEmpty() ? List.of() : List.of(bare.split("/", -1));
    }

    /**
     * The most literal route that fits, or null.
     *
     * @param segments of the path, decoded
     */
    @Nullable Match find(String method, List<String> segments) {
        Entry best = null;
        for (Entry entry : entries) {
            if (serves(entry.route(), method)
                    && fits(entry.pattern(), segments)
                    && (best == null || precedes(entry.pattern(), best.pattern()))) {
                best = entry;
            }
        }
        return best == null
                ? null
                : new Match(best.mount(), best.route(), parameters(best.pattern(), segments));
    }

    private static boolean serves(Route route, String method) {
        return route.method().equals(method)
                || (method.equals("HEAD") && route.method().equals("GET"));
    }

    /** Methods that the path has, HEAD where GET; empty if no route fits it. */
    Set<String> methods(List<String> segments) {
        Set<String> methods = new LinkedHashSet<>();
        for (Entry entry : entries) {
            if (fits(entry.pattern(), segments)) {
                methods.add(entry.route().method());
                if (entry.route().method().equals("GET")) {
                    methods.add("HEAD");
                }
            }
        }
        return methods;
    }

    /** The protocol whose routes share the longest start with the path, or null if none does. */
    @Nullable Mount closest(List<String> segments) {
        ToIntFunction<Entry> shared = entry -> sharedStart(entry.pattern(), segments);
        return entries.stream()
                .filter(entry -> shared.applyAsInt(entry) > 0)
                .max(Comparator.comparingInt(shared))
                .map(Entry::mount)
                .orElse(null);
    }

    private static int sharedStart(List<String> pattern, List<String> segments) {
        int shared = 0;
        while (shared < Math.min(pattern.size(), segments.size())
                && pattern.get(shared).equals(segments.get(shared))) {
            shared++;
        }
        return shared;
    }

    private static boolean fits(List<String> pattern, List<String> segments) {
        for (int i = 0; i < pattern.size(); i++) {
            String wanted = pattern.get(i);
            if (i >= segments.size() || (isParameter(wanted) && segments.get(i).isEmpty())) {
                return false;
            }
            if (isTail(wanted)) {
                return true;
            }
            if (!isParameter(wanted) && !wanted.equals(segments.get(i))) {
                return false;
            }
        }
        return pattern.size() == segments.size();
    }

    /** Literal segments go before parameters, parameters before tails, from the left. */
    private static boolean precedes(List<String> pattern, List<String> other) {
        for (int i = 0; i < Math.min(pattern.size(), other.size()); i++) {
            int difference = rank(pattern.get(i)) - rank(other.get(i));
            if (difference != 0) {
                return difference < 0;
            }
        }
        return false;
    }

    private static int rank(String segment) {
        return isTail(segment) ? 2 : isParameter(segment) ? 1 : 0;
    }

    private static Map<String, String> parameters(List<String> pattern, List<String> segments) {
        Map<String, String> parameters = new LinkedHashMap<>();
        for (int i = 0; i < pattern.size(); i++) {
            String wanted = pattern.get(i);
            if (isTail(wanted)) {
                parameters.put(
                        wanted.substring(1, wanted.length() - 2),
                        String.join("/", segments.subList(i, segments.size())));
            } else if (isParameter(wanted)) {
                parameters.put(wanted.substring(1, wanted.length() - 1), segments.get(i));
            }
        }
        return parameters;
    }

    private static boolean isParameter(String segment) {
        return segment.startsWith("{") && segment.endsWith("}");
    }

    private static boolean isTail(String segment) {
        return segment.startsWith("{") && segment.endsWith("*}");
    }
}
