@NullMarked
package dev.juggler.backend.cuda;

import org.jspecify.annotations.NullMarked;
