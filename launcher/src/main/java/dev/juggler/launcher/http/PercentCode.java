package dev.juggler.launcher.http;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;

/** Percent encoding of paths and query strings (RFC 3986, section 2.1). */
final class PercentCode {
    private PercentCode() {}

    /**
     * A segment of a path, decoded; plus signs stay.
     *
     * @throws IllegalArgumentException if a percent sign is not followed by two hexadecimal digits
     */
    static String decodeSegment(String segment) {
        return segment.indexOf('%') < 0 ? segment : decodeQuery(segment.replace("+", "%2B"));
    }

    /**
     * A value of a query string, decoded.
     *
     * @throws IllegalArgumentException if a percent sign is not followed by two hexadecimal digits
     */
    static String decodeQuery(String value) {
        return URLDecoder.decode(value, StandardCharsets.UTF_8);
    }
}
