/**
 * A small Jinja interpreter: the language of chat templates as Python's jinja2 defines it
 * (https://jinja.palletsprojects.com/en/stable/templates/), with the settings and additions of
 * Hugging Face transformers. Templates come with model files, so they are untrusted: they reach
 * plain values only, never Java objects, and run within a {@link
 * dev.juggler.engine.template.jinja.Budget}.
 *
 * <p>{@code TemplateLexer} cuts the source into tokens, {@code StatementParser} and {@code
 * ExpressionParser} make {@code Statement} and {@code Expression} trees of them, {@code Renderer}
 * and {@code Evaluator} run these. Values are {@link String}, {@link Long}, {@link Double}, {@link
 * Boolean}, {@code None}, {@code Undefined}, lists, {@code Tuple}, maps, and what can be called.
 */
@NullMarked
package dev.juggler.engine.template.jinja;

import org.jspecify.annotations.NullMarked;
