package dev.juggler.openai;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * OpenAI's {@code system_fingerprint}: changes when the same request with the same seed may give
 * another text, that is with the model's file and with the version of the engine.
 */
final class Fingerprint {
    private static final int BYTES = 5;

    private Fingerprint() {}

    static String of(String version, String modelDigest) {
        try {
            byte[] hash =
                    MessageDigest.getInstance("SHA-256")
                            .digest((version + "/" + modelDigest).getBytes(StandardCharsets.UTF_8));
            return "fp_" + HexFormat.of().formatHex(hash, 0, BYTES);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every JDK has SHA-256", impossible);
        }
    }
}
