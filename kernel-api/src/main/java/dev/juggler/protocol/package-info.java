/** What a protocol plugin is: routes, and a small view of HTTP that hides the server. */
@NullMarked
package dev.juggler.protocol;

import org.jspecify.annotations.NullMarked;
