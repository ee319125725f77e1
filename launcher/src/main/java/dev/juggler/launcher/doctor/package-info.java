/** What {@code juggler doctor} looks at. */
@NullMarked
package dev.juggler.launcher.doctor;

import org.jspecify.annotations.NullMarked;
