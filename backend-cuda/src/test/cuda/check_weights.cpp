/* Random weights of every type, and decoding: against the golden rows where GOLDEN names their folder. */
#include "check.h"

#include <fstream>
#include <iterator>

const std::vector<TypeName> &types() {
    static const std::vector<TypeName> all = {
        {0, "f32", 1, 4},         {1, "f16", 1, 2},          {30, "bf16", 1, 2},        {2, "q4_0", 32, 18},
        {3, "q4_1", 32, 20},      {6, "q5_0", 32, 22},       {7, "q5_1", 32, 24},       {8, "q8_0", 32, 34},
        {20, "iq4_nl", 32, 18},   {39, "mxfp4", 32, 17},     {10, "q2_k", 256, 84},     {11, "q3_k", 256, 110},
        {12, "q4_k", 256, 144},   {13, "q5_k", 256, 176},    {14, "q6_k", 256, 210},    {23, "iq4_xs", 256, 136},
        {19, "iq1_s", 256, 50},   {29, "iq1_m", 256, 56},    {16, "iq2_xxs", 256, 66},  {17, "iq2_xs", 256, 74},
        {22, "iq2_s", 256, 82},   {18, "iq3_xxs", 256, 98},  {21, "iq3_s", 256, 110},   {34, "tq1_0", 256, 54},
        {35, "tq2_0", 256, 66}};
    return all;
}

const TypeName &type_of(int type) {
    for (const TypeName &name : types()) {
        if (name.type == type) {
            return name;
        }
    }
    abort();
}

bool is_rare(const TypeName &type) {
    const std::string name = type.name;
    return name[0] == 't' || (name[0] == 'i' && name[2] != '4');
}

/* Expands the packed tables of kernel-api as dev.juggler.kernel.quant.Codebook does. */
static void load_codebooks() {
    static bool loaded;
    if (loaded) {
        return;
    }
    loaded = true;
    std::ifstream file(CODEBOOKS, std::ios::binary);
    std::vector<char> packed((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    struct Book {
        int entries, width;
        signed char levels[8];
    };
    const Book books[] = {{2048, 8, {-1, 0, 1, 0}},  {256, 8, {8, 25, 43, 0}},
                          {512, 8, {8, 25, 43, 0}},  {1024, 8, {8, 25, 43, 0}},
                          {256, 4, {4, 12, 20, 28, 36, 44, 52, 62}}, {512, 4, {1, 3, 5, 7, 9, 11, 13, 15}}};
    signed char *out = (signed char *)juggler_host_symbol("juggler_codebooks");
    size_t at = 0;
    for (const Book &book : books) {
        const int bits = book.width == 8 ? 2 : 3;
        for (int e = 0; e < book.entries; e++, at += 2) {
            const int entry = (unsigned char)packed.at(at) | (unsigned char)packed.at(at + 1) << 8;
            for (int i = 0; i < book.width; i++) {
                *out++ = book.levels[entry >> (bits * i) & ((1 << bits) - 1)];
            }
        }
    }
}

static void set_half(unsigned char *at) {
    const float scale = (0.5f + (float)below(1000) / 1000) * 0.02f * (below(2) ? 1 : -1);
    const unsigned short bits = [](float value) {
        uint32_t word;
        memcpy(&word, &value, 4);
        return (unsigned short)((word >> 16 & 0x8000) | (((word & 0x7fffffff) - 0x38000000) >> 13));
    }(scale);
    memcpy(at, &bits, 2);
}

static void set_scales(int type, unsigned char *block) {
    switch (type) {
    case 3: case 7: case 12: case 13:
        set_half(block);
        set_half(block + 2);
        break;
    case 10:
        set_half(block + 80);
        set_half(block + 82);
        break;
    case 11: set_half(block + 108); break;
    case 14: set_half(block + 208); break;
    case 34: set_half(block + 52); break;
    case 35: set_half(block + 64); break;
    case 29: {
        unsigned char half[2];
        set_half(half);
        for (int i = 0; i < 4; i++) {
            const int nibble = half[i / 2] >> (4 * (i % 2)) & 15;
            block[49 + 2 * i] = (unsigned char)((block[49 + 2 * i] & 15) | nibble << 4);
        }
        break;
    }
    case 39: block[0] = (unsigned char)(118 + below(10)); break;
    default: set_half(block);
    }
}

Weight::Weight(int type, int rows, int columns, size_t shift)
    : type(type), rows(rows), columns(columns), row_bytes((long long)columns / type_of(type).elements * type_of(type).bytes),
      bytes((size_t)(rows * row_bytes), shift), values((size_t)rows * columns) {
    load_codebooks();
    const TypeName &name = type_of(type);
    for (size_t i = 0; i < bytes.count; i++) {
        bytes[i] = (unsigned char)randomness();
    }
    for (size_t i = 0; i < bytes.count; i += name.bytes) {
        if (name.elements > 1) {
            set_scales(type, bytes.data() + i);
        } else {
            const float value = normal(0.5f);
            unsigned char plain[4];
            memcpy(plain, &value, 4);
            if (type == 1) {
                set_half(bytes.data() + i);
            } else {
                memcpy(bytes.data() + i, plain + 4 - name.bytes, name.bytes);
            }
        }
    }
    /* The decoder itself is held against the golden rows below, and against kernel-api's by its conformance kit. */
    Memory<float> decoded(values.size());
    launch("dequantize_rows", {blocks(columns, 2048), (unsigned)rows, 1, 128, 0}, (void *)decoded.data(),
           (const void *)bytes.data(), (long long)rows, columns, type, 0);
    std::copy(decoded.data(), decoded.data() + values.size(), values.begin());
}

static std::vector<char> content(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    return std::vector<char>((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

CHECK(golden_rows) {
    const char *folder = getenv("GOLDEN");
    if (folder == nullptr) {
        printf("skipped: GOLDEN does not name the folder of the golden data\n");
        return;
    }
    load_codebooks();
    for (const TypeName &type : types()) {
        std::string upper = type.name;
        for (char &c : upper) {
            c = (char)toupper(c);
        }
        if (upper[0] != 'B' && upper[upper.size() - 1] == 'k') {
            upper[upper.size() - 1] = 'K';
        }
        const std::vector<char> raw = content(std::string(folder) + "/dequant/" + upper + ".bin");
        const std::vector<char> values = content(std::string(folder) + "/dequant/" + upper + ".f32");
        if (raw.empty()) {
            printf("no golden rows of %s\n", upper.c_str());
            continue;
        }
        const int rows = (int)(values.size() / 1024);
        for (size_t shift : {0, 1, 2}) {
            Memory<unsigned char> bytes(raw.size(), shift);
            memcpy(bytes.data(), raw.data(), raw.size());
            Memory<float> out((size_t)rows * 256);
            launch("dequantize_rows", {1, (unsigned)rows, 1, 128, 0}, (void *)out.data(), (const void *)bytes.data(),
                   (long long)rows, 256, type.type, 0);
            std::vector<double> expected;
            for (size_t i = 0; i < out.count; i++) {
                float value;
                memcpy(&value, values.data() + 4 * i, 4);
                expected.push_back(value);
            }
            /* Not bit for bit only where a product and a sum are fused. */
            compare("golden rows of " + upper, out, expected, {root_mean_square(expected)}, 2e-6, 2e-7);
        }
    }
}

CHECK(embed) {
    for (const TypeName &type : types()) {
        const int width = type.elements == 1 ? 33 : 2 * 256, vocabulary = 5;
        Weight table(type.type, vocabulary, width, 17);
        Memory<int> ids(4);
        const int picked[] = {4, 0, -1, 5};
        std::copy(picked, picked + 4, ids.data());
        Memory<float> out((size_t)4 * width, 4);
        launch("embed", {1, 2, 1, 128, 0}, out.data(), (const void *)table.bytes.data(), ids.data(), 4, width, vocabulary,
               type.type);
        std::vector<double> expected((size_t)4 * width);
        for (int i = 0; i < 2 * width; i++) {
            expected[i] = table.values[picked[i / width] * width + i % width];
        }
        compare(std::string("embed ") + type.name, out, expected, {1}, 0, 0);
    }
}
