package dev.juggler.engine.tokenizer;

/**
 * How text without special tokens becomes ids, and a token becomes bytes. Safe for many threads.
 */
sealed interface TokenModel permits ByteLevelModel, SentencePieceModel {
    /**
     * Appends the ids of a text.
     *
     * @param afterBorder whether it stands at the beginning or behind a special token
     */
    void encode(String text, boolean afterBorder, IntList ids);

    /** The bytes of a token that is text. */
    byte[] bytes(int id);

    /** Whether encoding puts a space before the text that decoding takes away again. */
    boolean prefixesSpace();

    /** Whether prompts begin with BOS where the file does not say. */
    boolean addsBosByDefault();
}
