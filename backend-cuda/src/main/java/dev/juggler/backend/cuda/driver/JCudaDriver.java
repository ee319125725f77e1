package dev.juggler.backend.cuda.driver;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUresult;

/** NVIDIA's driver through JCuda, which needs libcuda.so.1 and nothing else. */
public final class JCudaDriver implements Driver {
    private final List<DeviceProperties> devices;
    private final String version;

    private JCudaDriver(List<DeviceProperties> devices, String version) {
        this.devices = List.copyOf(devices);
        this.version = version;
    }

    /**
     * Starts the driver and lists its devices.
     *
     * @throws DriverException if it does not start
     * @throws LinkageError if its library is not there
     */
    public static JCudaDriver load() {
        jcuda.driver.JCudaDriver.setExceptionsEnabled(false);
        check("cuInit", jcuda.driver.JCudaDriver.cuInit(0));
        int[] number = new int[1];
        check("cuDriverGetVersion", jcuda.driver.JCudaDriver.cuDriverGetVersion(number));
        String version = "CUDA %d.%d".formatted(number[0] / 1000, number[0] % 1000 / 10);
        check("cuDeviceGetCount", jcuda.driver.JCudaDriver.cuDeviceGetCount(number));
        List<DeviceProperties> devices = new ArrayList<>();
        for (int i = 0; i < number[0]; i++) {
            devices.add(describe(device(i)));
        }
        return new JCudaDriver(devices, version);
    }

    @Override
    public String version() {
        return version;
    }

    @Override
    public List<String> missingLibraries() {
        return Stream.of(Libraries.CUBLAS, Libraries.NVRTC)
                .filter(name -> !Libraries.isThere(name))
                .toList();
    }

    @Override
    public List<DeviceProperties> devices() {
        return devices;
    }

    @Override
    public DriverDevice open(int ordinal) {
        return new JCudaDevice(device(ordinal), devices.get(ordinal));
    }

    private static CUdevice device(int ordinal) {
        CUdevice device = new CUdevice();
        check("cuDeviceGet", jcuda.driver.JCudaDriver.cuDeviceGet(device, ordinal));
        return device;
    }

    private static DeviceProperties describe(CUdevice device) {
        byte[] name = new byte[256];
        check(
                "cuDeviceGetName",
                jcuda.driver.JCudaDriver.cuDeviceGetName(name, name.length, device));
        long[] memory = new long[1];
        check("cuDeviceTotalMem", jcuda.driver.JCudaDriver.cuDeviceTotalMem(memory, device));
        double memoryClock =
                attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE);
        double busBits =
                attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH);
        return new DeviceProperties(
                new String(name, StandardCharsets.UTF_8).split("\0", 2)[0].strip(),
                memory[0],
                attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR),
                attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
                attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
                attribute(
                        device,
                        CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN),
                2 * memoryClock * 1e3 * busBits / 8,
                attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_CLOCK_RATE) * 1e3);
    }

    /** What the driver does not know of a device is 0. */
    private static int attribute(CUdevice device, int attribute) {
        int[] value = new int[1];
        int result = jcuda.driver.JCudaDriver.cuDeviceGetAttribute(value, attribute, device);
        return result == CUresult.CUDA_SUCCESS ? value[0] : 0;
    }

    /**
     * @throws DriverException unless {@code result} says success
     */
    static void check(String call, int result) {
        if (result != CUresult.CUDA_SUCCESS) {
            throw new DriverException(call, result, CUresult.stringFor(result));
        }
    }
}
