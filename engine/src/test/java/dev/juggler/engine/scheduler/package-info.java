@NullMarked
package dev.juggler.engine.scheduler;

import org.jspecify.annotations.NullMarked;
