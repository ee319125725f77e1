/** Where the time of a step goes: by phase of the model, against what the machine could do. */
@NullMarked
package dev.juggler.engine.profile;

import org.jspecify.annotations.NullMarked;
