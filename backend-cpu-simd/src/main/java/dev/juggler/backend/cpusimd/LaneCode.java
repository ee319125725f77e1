package dev.juggler.backend.cpusimd;

import java.io.IOException;
import java.io.InputStream;
import org.jspecify.annotations.Nullable;

/**
 * A class loader that holds the vector kernels for one vector width.
 *
 * <p>The compiler turns Vector API calls into single instructions only where the species (element
 * type and width) is a constant, which means a {@code static final} field; a species in an instance
 * field or a parameter costs an object for every operation. The width however is a choice of the
 * user. So the package {@code lanes} is written once, takes its species from the width of the
 * loader that it was loaded by, and is loaded anew for each width: three sets of machine code, one
 * source.
 */
public final class LaneCode extends ClassLoader {
    private static final String PACKAGE = "dev.juggler.backend.cpusimd.lanes.";
    private static final String ENTRY = PACKAGE + "VectorKernels";

    static {
        registerAsParallelCapable();
    }

    private final int bits;

    private LaneCode(int bits) {
        super("juggler-lanes-" + bits, LaneCode.class.getClassLoader());
        this.bits = bits;
    }

    /** The vector kernels for vectors of 128, 256 or 512 bits. */
    static LaneKernels load(int bits) {
        try {
            Class<?> entry = new LaneCode(bits).loadClass(ENTRY);
            return (LaneKernels) entry.getConstructor().newInstance();
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("the vector kernels cannot be loaded", e);
        }
    }

    /** Vector width of the code in this loader. */
    public int bits() {
        return bits;
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        if (!name.startsWith(PACKAGE)) {
            return super.loadClass(name, resolve);
        }
        synchronized (getClassLoadingLock(name)) {
            @Nullable Class<?> known = findLoadedClass(name);
            return known != null ? known : define(name);
        }
    }

    private Class<?> define(String name) throws ClassNotFoundException {
        String resource = name.replace('.', '/') + ".class";
        try (@Nullable InputStream in = getResourceAsStream(resource)) {
            if (in == null) {
                throw new ClassNotFoundException(name);
            }
            byte[] code = in.readAllBytes();
            return defineClass(name, code, 0, code.length, LaneCode.class.getProtectionDomain());
        } catch (IOException e) {
            throw new ClassNotFoundException(name, e);
        }
    }
}
