package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.driver.DriverDevice;
import dev.juggler.backend.cuda.driver.DriverFunction;
import dev.juggler.backend.cuda.driver.DriverModule;
import dev.juggler.kernel.DType;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The kernels of the loaded module by name and by number; each is looked up once. */
final class KernelModule implements AutoCloseable {
    /** What a launch may take without having been allowed to. */
    private static final int UNASKED_SHARED_BYTES = 48 << 10;

    /** One kernel, looked up in the module when it is first launched. */
    final class Kernel {
        private final int number;
        private final String name;
        private final int sharedBytes;
        private @Nullable DriverFunction function;

        private Kernel(int number, String name, int sharedBytes) {
            this.number = number;
            this.name = name;
            this.sharedBytes = sharedBytes;
        }

        /** Its place in this module's list. */
        int number() {
            return number;
        }

        DriverFunction function() {
            if (function == null) {
                DriverFunction found = module.function(name);
                if (sharedBytes > UNASKED_SHARED_BYTES) {
                    found.allowShared(sharedBytes);
                }
                function = found;
            }
            return function;
        }
    }

    /** Kernels of the same name for every weight type, and for some numbers. */
    final class Family {
        private final String name;
        private final Map<DType, Map<Integer, Kernel>> known = new HashMap<>();

        Family(String name) {
            this.name = name;
        }

        /** {@code name_type}. */
        Kernel of(DType dtype) {
            return of(dtype, 0);
        }

        /** {@code name_type_variant}; without the variant where it is 0. */
        Kernel of(DType dtype, int variant) {
            Map<Integer, Kernel> variants = known.computeIfAbsent(dtype, type -> new HashMap<>());
            Kernel kernel = variants.get(variant);
            if (kernel == null) {
                String type = dtype.name().toLowerCase(Locale.ROOT);
                kernel = kernel(name + "_" + type + (variant == 0 ? "" : "_" + variant));
                variants.put(variant, kernel);
            }
            return kernel;
        }
    }

    private final DriverModule module;
    private final Map<String, Kernel> byName = new HashMap<>();
    private final List<Kernel> byNumber = new ArrayList<>();

    KernelModule(DriverDevice device, byte[] image) {
        module = device.load(image);
    }

    /** A kernel; that there is none of this name shows when it is launched. */
    Kernel kernel(String name) {
        return kernel(name, 0);
    }

    /**
     * A kernel.
     *
     * @param sharedBytes dynamic shared memory that its launches ask for, at most
     */
    Kernel kernel(String name, int sharedBytes) {
        Kernel known = byName.get(name);
        if (known == null) {
            known = new Kernel(byNumber.size(), name, sharedBytes);
            byName.put(name, known);
            byNumber.add(known);
        }
        return known;
    }

    Kernel kernel(int number) {
        return byNumber.get(number);
    }

    Family family(String name) {
        return new Family(name);
    }

    /** Address of a variable of the module. */
    long global(String name) {
        return module.global(name);
    }

    @Override
    public void close() {
        module.close();
    }
}
