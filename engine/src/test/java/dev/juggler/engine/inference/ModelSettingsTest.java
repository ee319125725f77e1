package dev.juggler.engine.inference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.juggler.inference.InferenceException;
import dev.juggler.kernel.DType;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class ModelSettingsTest {
    private static List<ModelSettings> parse(String models) {
        return ModelSettings.all(ConfigFactory.parseString(models));
    }

    private static String refusal(String models) {
        InferenceException e = assertThrows(InferenceException.class, () -> parse(models));
        assertEquals(InferenceException.Kind.INVALID_REQUEST, e.kind());
        return String.valueOf(e.getMessage());
    }

    @Test
    void defaultsAreThoseOfTheReference() {
        ModelSettings only = parse("juggler.models.m.path = /m.gguf").getFirst();
        assertEquals("m", only.name());
        assertNull(only.context());
        assertEquals(2048, only.contextFor(2048));
        assertEquals(8192, only.contextFor(1 << 20));
        assertEquals(4, only.parallel());
        assertEquals(64, only.queue());
        assertEquals(512, only.stepRows());
        assertEquals(DType.F16, only.kvType());
        assertNull(only.keepAlive(), "the only model stays");
    }

    @Test
    void modelsKeepTheirOrderAndOddNames() {
        List<ModelSettings> models =
                parse(
                        """
                        juggler.models {
                          "zeta:8b" { path = /z.gguf, keep-alive = 0 }
                          "alpha.v1.5" { path = /a.gguf, context = 4096, keep-alive = forever }
                          middle { path = /m.gguf, kv-type = f32, keep-alive = 90s }
                          last { path = /l.gguf, keep-alive = -1 }
                          other { path = /o.gguf }
                        }
                        """);
        assertEquals(
                List.of("zeta:8b", "alpha.v1.5", "middle", "last", "other"),
                models.stream().map(ModelSettings::name).toList());
        assertEquals(Duration.ZERO, models.get(0).keepAlive());
        assertNull(models.get(1).keepAlive());
        assertEquals(4096, models.get(1).context());
        assertEquals(Duration.ofSeconds(90), models.get(2).keepAlive());
        assertEquals(DType.F32, models.get(2).kvType());
        assertNull(models.get(3).keepAlive());
        assertEquals(Duration.ofMinutes(5), models.get(4).keepAlive());
    }

    @Test
    void defaultsOfOnesOwnHoldForAllModels() {
        ModelSettings model =
                parse(
                                """
                                juggler.exact = true
                                juggler.model-defaults { parallel = 9, chat-template = "{{ x }}" }
                                juggler.models.m.path = /m.gguf
                                """)
                        .getFirst();
        assertEquals(9, model.parallel());
        assertEquals("{{ x }}", model.chatTemplate());
        assertEquals(DType.F32, model.kvType(), "exact");
    }

    @Test
    void whatIsWrongIsNamed() {
        assertTrue(refusal("juggler.models.m {}").contains("juggler.models.m.path"));
        assertTrue(
                refusal("juggler.models.m { path = /m, contxt = 5 }")
                        .contains("juggler.models.m.contxt"));
        assertTrue(
                refusal("juggler.models.m { path = /m, parallel = 0 }").contains("parallel is 0"));
        assertTrue(
                refusal("juggler.models.m { path = /m, parallel = 8, step-rows = 4 }")
                        .contains("step-rows is 4, it must be 8"));
        assertTrue(refusal("juggler.models.m { path = /m, kv-type = f17 }").contains("F17"));
        assertTrue(
                refusal("juggler.models.m { path = /m, keep-alive = soon }")
                        .contains("keep-alive"));
        assertTrue(
                refusal("juggler.models.m { path = /m, chat-template-file = /no/such/file }")
                        .contains("/no/such/file"));
        assertTrue(
                refusal("juggler.models.m { path = /m, placement.defualt = cpu }")
                        .contains("defualt"));
    }
}
