package dev.juggler.launcher.download;

/** Something could not be fetched; the message names it, what came instead, and the remedy. */
public final class DownloadException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public DownloadException(String message) {
        super(message);
    }

    public DownloadException(String message, Throwable cause) {
        super(message, cause);
    }
}
