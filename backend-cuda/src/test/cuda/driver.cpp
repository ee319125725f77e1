/*
 * A libcuda.so.1 without a GPU: the functions of the driver that the backend calls, each done at once in main memory, with
 * the kernels' host build, which is looked for beside this library. It lets JCuda, the plugin and whole programs run as they
 * do with a GPU. What it returns for errors is what the driver returns.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#define EXPORT extern "C" __attribute__((visibility("default")))

enum { SUCCESS = 0, INVALID = 1, OUT_OF_MEMORY = 2, NOT_FOUND = 500, ILLEGAL_ADDRESS = 700 };
enum { SHARED_BYTES = 97, MEMORY_CLOCK = 36, BUS_WIDTH = 37, CLOCK = 13, MULTIPROCESSORS = 16, MAJOR = 75, MINOR = 76 };

typedef uint64_t Address;

namespace {

struct Context {
    int device;
    size_t used;
};

struct Launch {
    std::string name;
    unsigned geometry[7];
    std::vector<uint64_t> words;
};

struct Function {
    std::string name;
    int shared; /* bytes that a launch may ask for */
};

struct Stream {
    bool capturing = false;
    std::vector<Launch> captured;
};

struct Event {
    std::chrono::steady_clock::time_point time;
};

const size_t MEMORY = size_t(1) << 30;
/* More arguments than any kernel has. */
const int DEVICES = 2, MOST_ARGUMENTS = 32, MOST_SHARED = 99 << 10, DYNAMIC_SHARED_BYTES = 8;

std::mutex lock;
Context contexts[DEVICES] = {{0, 0}, {1, 0}};
std::map<Address, std::pair<size_t, Context *>> pieces;
thread_local Context *current = nullptr;

void *kernels() {
    static void *library = nullptr;
    if (library == nullptr) {
        Dl_info self;
        dladdr(reinterpret_cast<void *>(&kernels), &self);
        std::string path(self.dli_fname);
        path = path.substr(0, path.rfind('/') + 1) + "libjuggler-cuda-host.so";
        library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (library == nullptr) {
            fprintf(stderr, "emulated libcuda: %s\n", dlerror());
        }
    }
    return library;
}

template <class T>
T symbol(const char *name) {
    return kernels() == nullptr ? nullptr : reinterpret_cast<T>(dlsym(kernels(), name));
}

int run(const Launch &launch) {
    void *arguments[MOST_ARGUMENTS];
    for (size_t i = 0; i < launch.words.size(); i++) {
        arguments[i] = const_cast<uint64_t *>(&launch.words[i]);
    }
    auto start = symbol<int (*)(const char *, const unsigned *, void **)>("juggler_host_launch");
    if (start == nullptr || start(launch.name.c_str(), launch.geometry, arguments) != 0) {
        auto error = symbol<const char *(*)()>("juggler_host_error");
        fprintf(stderr, "emulated libcuda: %s\n", error == nullptr ? "no kernels" : error());
        return ILLEGAL_ADDRESS;
    }
    return SUCCESS;
}

} // namespace

EXPORT int cuInit(unsigned) { return SUCCESS; }
EXPORT int cuDriverGetVersion(int *version) { return *version = 12060, SUCCESS; }
EXPORT int cuDeviceGetCount(int *count) { return *count = DEVICES, SUCCESS; }
EXPORT int cuDeviceGet(int *device, int ordinal) {
    *device = ordinal;
    return ordinal >= 0 && ordinal < DEVICES ? SUCCESS : 101;
}
EXPORT int cuDeviceGetName(char *name, int size, int device) {
    snprintf(name, size, "Emulated GPU %d", device);
    return SUCCESS;
}
EXPORT int cuDeviceTotalMem_v2(size_t *bytes, int) { return *bytes = MEMORY, SUCCESS; }
EXPORT int cuDeviceGetAttribute(int *value, int attribute, int) {
    switch (attribute) {
    case MAJOR: *value = 8; break;
    case MINOR: *value = 0; break;
    case MULTIPROCESSORS: *value = 4; break;
    case SHARED_BYTES: *value = MOST_SHARED; break;
    case CLOCK: case MEMORY_CLOCK: *value = 1000000; break;
    case BUS_WIDTH: *value = 64; break;
    default: *value = 0;
    }
    return SUCCESS;
}
EXPORT int cuDevicePrimaryCtxRetain(Context **context, int device) { return *context = &contexts[device], SUCCESS; }
EXPORT int cuDevicePrimaryCtxRelease_v2(int) { return SUCCESS; }
EXPORT int cuCtxSetCurrent(Context *context) { return current = context, SUCCESS; }
EXPORT int cuDeviceCanAccessPeer(int *can, int, int) { return *can = 1, SUCCESS; }
EXPORT int cuCtxEnablePeerAccess(Context *, unsigned) { return SUCCESS; }

EXPORT int cuMemGetInfo_v2(size_t *free, size_t *total) {
    *total = MEMORY;
    *free = MEMORY - current->used;
    return SUCCESS;
}
EXPORT int cuMemAlloc_v2(Address *address, size_t bytes) {
    std::lock_guard<std::mutex> guard(lock);
    if (current == nullptr || bytes == 0) {
        return current == nullptr ? 201 : INVALID;
    }
    if (bytes > MEMORY - current->used) {
        return OUT_OF_MEMORY;
    }
    void *memory = aligned_alloc(256, (bytes + 255) / 256 * 256 + 256);
    memset(memory, 0xff, bytes);
    *address = reinterpret_cast<Address>(memory);
    pieces[*address] = {bytes, current};
    current->used += bytes;
    return SUCCESS;
}
EXPORT int cuMemFree_v2(Address address) {
    std::lock_guard<std::mutex> guard(lock);
    auto piece = pieces.find(address);
    if (piece == pieces.end()) {
        return INVALID;
    }
    piece->second.second->used -= piece->second.first;
    pieces.erase(piece);
    free(reinterpret_cast<void *>(address));
    return SUCCESS;
}
EXPORT int cuMemHostAlloc(void **memory, size_t bytes, unsigned) {
    *memory = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
    return SUCCESS;
}
EXPORT int cuMemFreeHost(void *memory) { return free(memory), SUCCESS; }

EXPORT int cuMemcpyHtoDAsync_v2(Address to, const void *from, size_t bytes, Stream *) {
    return memcpy(reinterpret_cast<void *>(to), from, bytes), SUCCESS;
}
EXPORT int cuMemcpyDtoHAsync_v2(void *to, Address from, size_t bytes, Stream *) {
    return memcpy(to, reinterpret_cast<void *>(from), bytes), SUCCESS;
}
EXPORT int cuMemcpyDtoDAsync_v2(Address to, Address from, size_t bytes, Stream *) {
    return memmove(reinterpret_cast<void *>(to), reinterpret_cast<void *>(from), bytes), SUCCESS;
}
EXPORT int cuMemcpyPeerAsync(Address to, Context *, Address from, Context *, size_t bytes, Stream *stream) {
    return cuMemcpyDtoDAsync_v2(to, from, bytes, stream);
}
EXPORT int cuMemsetD8Async(Address to, unsigned char value, size_t bytes, Stream *) {
    return memset(reinterpret_cast<void *>(to), value, bytes), SUCCESS;
}

EXPORT int cuStreamCreate(Stream **stream, unsigned) { return *stream = new Stream, SUCCESS; }
EXPORT int cuStreamDestroy_v2(Stream *stream) { return delete stream, SUCCESS; }
EXPORT int cuStreamSynchronize(Stream *) { return SUCCESS; }
EXPORT int cuStreamWaitEvent(Stream *, Event *, unsigned) { return SUCCESS; }
EXPORT int cuEventCreate(Event **event, unsigned) { return *event = new Event, SUCCESS; }
EXPORT int cuEventDestroy_v2(Event *event) { return delete event, SUCCESS; }
EXPORT int cuEventRecord(Event *event, Stream *) { return event->time = std::chrono::steady_clock::now(), SUCCESS; }
EXPORT int cuEventSynchronize(Event *) { return SUCCESS; }
EXPORT int cuEventQuery(Event *) { return SUCCESS; }
EXPORT int cuEventElapsedTime(float *milliseconds, Event *start, Event *end) {
    *milliseconds = std::chrono::duration<float, std::milli>(end->time - start->time).count();
    return SUCCESS;
}

/* An image begins with a byte that is not 0; what is behind it does not matter here. */
EXPORT int cuModuleLoadData(void **module, const char *image) {
    *module = kernels();
    return image[0] == 0 ? 200 : kernels() == nullptr ? 222 : SUCCESS;
}
EXPORT int cuModuleUnload(void *) { return SUCCESS; }
EXPORT int cuModuleGetFunction(Function **function, void *, const char *name) {
    const char *names[4096];
    auto list = symbol<int (*)(const char **, int)>("juggler_host_kernels");
    for (int i = list(names, 4096) - 1; i >= 0; i--) {
        if (strcmp(names[i], name) == 0) {
            *function = new Function{name, 48 << 10};
            return SUCCESS;
        }
    }
    return NOT_FOUND;
}
EXPORT int cuModuleGetGlobal_v2(Address *address, size_t *bytes, void *, const char *name) {
    *address = reinterpret_cast<Address>(symbol<void *(*)(const char *)>("juggler_host_symbol")(name));
    *bytes = 0;
    return *address == 0 ? NOT_FOUND : SUCCESS;
}

EXPORT int cuFuncSetAttribute(Function *function, int attribute, int value) {
    if (attribute != DYNAMIC_SHARED_BYTES || value > MOST_SHARED) {
        return INVALID;
    }
    function->shared = value;
    return SUCCESS;
}

/* How many arguments a kernel has is not known here; those behind the last are read and not used. */
EXPORT int cuLaunchKernel(Function *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                          unsigned bz, unsigned shared, Stream *stream, void **arguments, void **) {
    if (shared > (unsigned)function->shared) {
        return INVALID;
    }
    Launch launch{function->name, {gx, gy, gz, bx, by, bz, shared}, {}};
    for (int i = 0; i < MOST_ARGUMENTS; i++) {
        launch.words.push_back(*static_cast<uint64_t *>(arguments[i]));
    }
    if (stream->capturing) {
        stream->captured.push_back(launch);
        return SUCCESS;
    }
    return run(launch);
}

EXPORT int cuStreamBeginCapture_v2(Stream *stream, int) { return stream->capturing = true, SUCCESS; }
EXPORT int cuStreamEndCapture(Stream *stream, std::vector<Launch> **graph) {
    stream->capturing = false;
    *graph = new std::vector<Launch>(std::move(stream->captured));
    stream->captured.clear();
    return SUCCESS;
}
EXPORT int cuGraphInstantiateWithFlags(std::vector<Launch> **executable, std::vector<Launch> *graph, uint64_t) {
    return *executable = new std::vector<Launch>(*graph), SUCCESS;
}
EXPORT int cuGraphDestroy(std::vector<Launch> *graph) { return delete graph, SUCCESS; }
EXPORT int cuGraphExecDestroy(std::vector<Launch> *graph) { return delete graph, SUCCESS; }
EXPORT int cuGraphLaunch(std::vector<Launch> *graph, Stream *) {
    int result = SUCCESS;
    for (const Launch &launch : *graph) {
        result = result == SUCCESS ? run(launch) : result;
    }
    return result;
}
