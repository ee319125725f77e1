/**
 * The HTTP server: Undertow behind the small view of HTTP that protocol plugins see. The I/O
 * threads parse requests and hand each to a virtual thread of its own; everything after that may
 * block.
 */
@NullMarked
package dev.juggler.launcher.http;

import org.jspecify.annotations.NullMarked;
