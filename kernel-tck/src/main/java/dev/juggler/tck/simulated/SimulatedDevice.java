package dev.juggler.tck.simulated;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.DeviceFailedException;
import dev.juggler.kernel.DeviceSpeed;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.MemoryInfo;
import dev.juggler.kernel.OutOfDeviceMemoryException;
import dev.juggler.kernel.ReferenceBackend;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Transfer;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * A device whose memory the host cannot address, as a GPU's: its buffers have no host memory, and
 * its kernels refuse every tensor that is not in a buffer of this very device. It computes with the
 * reference kernels, has as much memory and is as fast as a test says, and fails when a test wants
 * it to. Its time is simulated: operations are enqueued and done one after the other while the host
 * goes on, reading waits for them, and uploads cross the link beside them. A simulated processor,
 * which works in host memory and keeps the host busy, is made by {@link #processor}.
 */
public final class SimulatedDevice implements Backend {
    /** What an upload leaves where its bytes will be, until they are there: a NaN in any type. */
    private static final byte ON_THE_WAY = -1;

    private final String device;
    private final boolean hostMemory;
    private final ReferenceBackend reference = new ReferenceBackend();
    private final AtomicLong used = new AtomicLong();
    private final AtomicLong operationsLeft = new AtomicLong(Long.MAX_VALUE);
    private final AtomicLong uploadsLeft = new AtomicLong(Long.MAX_VALUE);
    private final Kernels kernels = new SimulatedKernels(this, reference.kernels());
    private SimulatedClock clock = new SimulatedClock();
    private long memory = Long.MAX_VALUE;
    private DeviceSpeed speed = DeviceSpeed.UNKNOWN;
    private double latency;
    private int polls;
    private long bytesMoved;
    private long copies;
    private long uploads;
    private double idleFrom;
    private double linkIdleFrom;
    private volatile boolean lost;

    /** A device with memory of its own. */
    public SimulatedDevice(String device) {
        this(device, false);
    }

    private SimulatedDevice(String device, boolean hostMemory) {
        this.device = device;
        this.hostMemory = hostMemory;
    }

    /** A device that works in host memory; the host does its operations itself. */
    public static SimulatedDevice processor(String device) {
        return new SimulatedDevice(device, true);
    }

    /** With so many bytes of memory. */
    public SimulatedDevice withMemory(long bytes) {
        memory = bytes;
        return this;
    }

    /** As fast as this. */
    public SimulatedDevice withSpeed(DeviceSpeed known) {
        speed = known;
        return this;
    }

    /** With so many seconds for each copy beside moving its bytes. */
    public SimulatedDevice withLatency(double seconds) {
        latency = seconds;
        return this;
    }

    /** In a machine with other devices. */
    public SimulatedDevice in(SimulatedClock machine) {
        clock = machine;
        return this;
    }

    /** Whose uploads are there only when somebody has asked for them so many times. */
    public SimulatedDevice withUploadsAskedFor(int times) {
        polls = times;
        return this;
    }

    /** Fails in the operation after so many, and from then on in all that is asked of it. */
    public SimulatedDevice failingAfter(long operations) {
        operationsLeft.set(operations);
        return this;
    }

    /** Fails while the upload after so many is under way, and from then on likewise. */
    public SimulatedDevice failingInUpload(long uploads) {
        uploadsLeft.set(uploads);
        return this;
    }

    /** Bytes that went in or out. */
    public long bytesMoved() {
        return bytesMoved;
    }

    /** How often bytes went in or out. */
    public long copies() {
        return copies;
    }

    /** How many uploads were begun. */
    public long uploads() {
        return uploads;
    }

    /** Bytes that are allocated. */
    public long used() {
        return used.get();
    }

    /** When it will have done all that it was told, by the clock of its machine. */
    public double seconds() {
        return Math.max(clock.seconds(), idleFrom);
    }

    boolean usesOwnMemory() {
        return !hostMemory;
    }

    private void requireAlive() {
        if (lost) {
            throw new DeviceFailedException(device, "it has fallen off the bus (simulated)");
        }
    }

    private void countOperation() {
        if (operationsLeft.getAndDecrement() <= 0) {
            lost = true;
        }
        requireAlive();
    }

    /** An operation that reads so many bytes of weights and does so many multiplications. */
    void operation(long bytes, double operations) {
        countOperation();
        double reading = speed.bytesPerSecond() > 0 ? bytes / speed.bytesPerSecond() : 0;
        double computing =
                speed.operationsPerSecond() > 0 ? operations / speed.operationsPerSecond() : 0;
        double seconds = Math.max(reading, computing);
        if (hostMemory) {
            clock.spend(seconds);
        } else {
            idleFrom = seconds() + seconds;
        }
    }

    /** The tensor as the reference takes it. */
    Tensor here(Tensor tensor) {
        if (hostMemory) {
            return tensor;
        }
        if (tensor.buffer() instanceof DeviceBuffer far && far.isOn(this)) {
            return new Tensor(tensor.dtype(), tensor.shape(), far.hidden, tensor.offset());
        }
        throw new IllegalStateException(tensor.buffer() + " is not in the memory of " + device);
    }

    private double crossing(long bytes) {
        double link = speed.linkBytesPerSecond();
        return latency + (link > 0 ? bytes / link : 0);
    }

    private void count(long bytes) {
        requireAlive();
        bytesMoved += bytes;
        copies++;
    }

    private final class DeviceBuffer implements Buffer {
        private final HostBuffer hidden;

        DeviceBuffer(long bytes) {
            requireAlive();
            if (bytes > memory - used.get()) {
                throw new OutOfDeviceMemoryException(device, bytes, memory - used.get());
            }
            hidden = HostBuffer.allocate(bytes);
            used.addAndGet(bytes);
        }

        boolean isOn(SimulatedDevice other) {
            return SimulatedDevice.this == other;
        }

        @Override
        public long byteSize() {
            return hidden.byteSize();
        }

        @Override
        public @Nullable MemorySegment host() {
            return null;
        }

        @Override
        public void read(long offset, MemorySegment target) {
            count(target.byteSize());
            clock.waitUntil(seconds() + crossing(target.byteSize()));
            hidden.read(offset, target);
        }

        @Override
        public void write(long offset, MemorySegment source) {
            count(source.byteSize());
            idleFrom = seconds() + crossing(source.byteSize());
            hidden.write(offset, source);
        }

        @Override
        public void close() {
            used.addAndGet(-hidden.byteSize());
            hidden.close();
        }
    }

    /** Bytes on their way: they are not there before somebody may count on it. */
    private final class Upload implements Transfer {
        private final DeviceBuffer target;
        private final long offset;
        private final MemorySegment source;
        private final double end;
        private int pollsLeft = polls;
        private boolean there;

        Upload(DeviceBuffer target, long offset, MemorySegment source) {
            this.target = target;
            this.offset = offset;
            this.source = source;
            count(source.byteSize());
            uploads++;
            end = Math.max(linkIdleFrom, seconds()) + crossing(source.byteSize());
            linkIdleFrom = end;
            MemorySegment poison = MemorySegment.ofArray(new byte[(int) source.byteSize()]);
            target.hidden.write(offset, poison.fill(ON_THE_WAY));
        }

        private void arrive() {
            requireAlive();
            if (!there) {
                target.hidden.write(offset, source);
                there = true;
            }
        }

        @Override
        public boolean isDone() {
            requireAlive();
            if (!there && pollsLeft-- <= 0 && clock.seconds() >= end) {
                arrive();
            }
            return there;
        }

        @Override
        public void join() {
            arrive();
            idleFrom = Math.max(seconds(), end);
        }
    }

    @Override
    public Transfer upload(Buffer target, long offset, MemorySegment source) {
        countOperation();
        if (target instanceof DeviceBuffer own && own.isOn(this)) {
            Upload upload = new Upload(own, offset, source);
            if (uploadsLeft.getAndDecrement() <= 0) {
                lost = true;
            }
            return upload;
        }
        throw new IllegalStateException(target + " is not in the memory of " + device);
    }

    @Override
    public String device() {
        return device;
    }

    @Override
    public String description() {
        return "simulated";
    }

    @Override
    public Buffer allocate(long bytes) {
        return hostMemory ? reference.allocate(bytes) : new DeviceBuffer(bytes);
    }

    @Override
    public Buffer adopt(MemorySegment mapped) {
        if (hostMemory) {
            return reference.adopt(mapped);
        }
        Buffer buffer = new DeviceBuffer(mapped.byteSize());
        buffer.write(0, mapped);
        return buffer;
    }

    @Override
    public boolean usesHostMemory() {
        return hostMemory;
    }

    @Override
    public Kernels kernels() {
        return kernels;
    }

    @Override
    public void synchronize() {
        requireAlive();
        clock.waitUntil(seconds());
    }

    @Override
    public MemoryInfo memory() {
        return memory == Long.MAX_VALUE
                ? reference.memory()
                : new MemoryInfo(memory, memory - used.get());
    }

    @Override
    public DeviceSpeed speed() {
        return speed;
    }

    @Override
    public void close() {
        reference.close();
    }
}
