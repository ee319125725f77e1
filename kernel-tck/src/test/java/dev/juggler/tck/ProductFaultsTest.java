package dev.juggler.tck;

import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.Projection;
import dev.juggler.kernel.ProjectionWeights;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The kit catches products that are wrong in ways in which products have been wrong before. */
class ProductFaultsTest extends FaultTest {
    @TestFactory
    List<DynamicTest> faultsAreCaught() {
        products();
        heads();
        experts();
        return tests();
    }

    private void heads() {
        Function<Subject, List<DynamicTest>> group = HeadChecks::of;
        for (String name : List.of("matmulByHead", "matmulByHeadTransposed")) {
            boolean transposed = name.endsWith("Transposed");
            fault(
                    name + " takes the first rows of each matrix",
                    group,
                    name,
                    (k, a) -> {
                        if (transposed) {
                            k.matmulByHeadTransposed(tensor(a, 0), tensor(a, 1), tensor(a, 2), 0);
                        } else {
                            k.matmulByHead(tensor(a, 0), tensor(a, 1), tensor(a, 2), 0);
                        }
                    });
            fault(
                    name + " multiplies all heads with the first matrix",
                    group,
                    name,
                    (k, a) -> {
                        Tensor stack = tensor(a, 2);
                        int first = number(a, 3);
                        Tensor out = tensor(a, 0);
                        if (transposed) {
                            k.matmulByHeadTransposed(out, tensor(a, 1), stack, first);
                        } else {
                            k.matmulByHead(out, tensor(a, 1), stack, first);
                        }
                        if (stack.count() > 1) {
                            k.copyColumns(out.slice(1, 1), out.slice(0, 1), 0);
                        }
                    });
        }
    }

    private void products() {
        Function<Subject, List<DynamicTest>> group = MatmulChecks::of;
        fault(
                "matmul forgets the last element of a row",
                group,
                "matmul",
                (k, a) -> {
                    Tensor x = tensor(a, 1);
                    Tensor copy = copyOf(x);
                    for (int r = 0; r < x.rows(); r++) {
                        set(copy, r, x.columns() - 1, 0);
                    }
                    k.matmul(tensor(a, 0), copy, tensor(a, 2));
                });
        fault(
                "matmul forgets the last column where they are odd",
                group,
                "matmul",
                (k, a) -> {
                    Tensor out = tensor(a, 0);
                    float before = get(out, out.rows() - 1, out.columns() - 1);
                    k.matmul(out, tensor(a, 1), tensor(a, 2));
                    if (out.columns() % 2 == 1 && out.columns() > 200) {
                        set(out, out.rows() - 1, out.columns() - 1, before);
                    }
                });
        fault(
                "matmul adds to what is there",
                group,
                "matmul",
                (k, a) -> {
                    Tensor out = tensor(a, 0);
                    float before = get(out, 0, 0);
                    k.matmul(out, tensor(a, 1), tensor(a, 2));
                    set(out, 0, 0, get(out, 0, 0) + before);
                });
        fault(
                "matmul writes one element too many",
                group,
                "matmul",
                (k, a) -> {
                    Tensor out = tensor(a, 0);
                    k.matmul(out, tensor(a, 1), tensor(a, 2));
                    memory(out).set(ValueLayout.JAVA_BYTE, out.offset() + out.byteSize(), (byte) 1);
                });
        fault(
                "matmul scribbles on its input",
                group,
                "matmul",
                (k, a) -> {
                    k.matmul(tensor(a, 0), tensor(a, 1), tensor(a, 2));
                    set(tensor(a, 1), 0, 0, 1);
                });
        fault(
                "matmul is a little different each time",
                group,
                "matmul",
                (k, a) -> {
                    Tensor out = tensor(a, 0);
                    k.matmul(out, tensor(a, 1), tensor(a, 2));
                    float value = get(out, 0, 0);
                    set(out, 0, 0, System.nanoTime() / 256 % 2 == 0 ? value : Math.nextUp(value));
                });
        fault(
                "matmul takes the weight from the start of its buffer",
                group,
                "matmul",
                (k, a) -> {
                    Tensor weight = tensor(a, 2);
                    k.matmul(
                            tensor(a, 0),
                            tensor(a, 1),
                            new Tensor(
                                    weight.dtype(),
                                    weight.shape(),
                                    weight.buffer(),
                                    weight.offset() / 64 * 64));
                });
        fault(
                "embed takes the row before",
                group,
                "embed",
                (k, a) -> {
                    Tensor out = tensor(a, 0);
                    k.embed(out, tensor(a, 1), tensor(a, 2));
                    int before = Math.max(0, id(tensor(a, 2), 0) - 1);
                    k.embed(out.slice(0, 1), tensor(a, 1), filled(1, before));
                });
        fault("matmul does not look at shapes", RefusalChecks::of, "matmul with", (k, a) -> {});
        fault("matmul takes integers", RefusalChecks::of, "a weight", (k, a) -> {});
    }

    private void experts() {
        Function<Subject, List<DynamicTest>> group = ExpertChecks::of;
        fault(
                "matmulByExpert leaves the rows of absent experts",
                group,
                "matmulByExpert",
                (k, a) -> {
                    Tensor out = tensor(a, 0);
                    k.matmulByExpert(out, tensor(a, 1), tensor(a, 2), tensor(a, 3));
                    for (int c = 0; c < out.rows(); c++) {
                        if (id(tensor(a, 3), c) < 0) {
                            set(out, c, 0, Float.NaN);
                        }
                    }
                });
        fault(
                "matmulByExpert uses one row for all choices, always",
                group,
                "matmulByExpert",
                (k, a) -> {
                    Tensor x = tensor(a, 1);
                    Tensor ids = tensor(a, 3);
                    k.matmulByExpert(
                            tensor(a, 0),
                            x.rows() == ids.rows() ? x : x.slice(0, ids.rows()),
                            tensor(a, 2),
                            ids);
                });
        fault(
                "addByExpert takes expert 0 for an absent one",
                group,
                "addByExpert",
                (k, a) -> {
                    Tensor x = tensor(a, 0);
                    k.addByExpert(x, tensor(a, 1), tensor(a, 2));
                    for (int c = 0; c < x.rows(); c++) {
                        if (id(tensor(a, 2), c) < 0) {
                            set(x, c, 0, get(x, c, 0) + get(tensor(a, 1), 0, 0));
                        }
                    }
                });
        fault(
                "combineExperts counts absent experts",
                group,
                "combineExperts",
                (k, a) -> {
                    k.combineExperts(tensor(a, 0), tensor(a, 1), tensor(a, 2), tensor(a, 3));
                    for (int c = 0; c < tensor(a, 1).rows(); c++) {
                        int row = c / tensor(a, 3).columns();
                        if (id(tensor(a, 3), c) < 0) {
                            set(
                                    tensor(a, 0),
                                    row,
                                    0,
                                    get(tensor(a, 0), row, 0) + get(tensor(a, 1), c, 0));
                        }
                    }
                });
        fault(
                "experts as a fused step ignore biases",
                FusedChecks::of,
                "experts",
                (k, a) -> {
                    var all = (ExpertWeights) Objects.requireNonNull(a[4]);
                    k.experts(
                            tensor(a, 0),
                            tensor(a, 1),
                            tensor(a, 2),
                            tensor(a, 3),
                            new ExpertWeights(all.gate(), all.up(), all.down(), all.activation()),
                            (Workspace) Objects.requireNonNull(a[5]));
                });
        projection(
                "project as a fused step ignores the bias of values",
                all ->
                        new ProjectionWeights(
                                all.query(),
                                all.key(),
                                new Projection(all.value().weight(), null, null),
                                all.epsilon(),
                                all.rope()));
        projection(
                "project as a fused step leaves keys without a norm",
                all ->
                        new ProjectionWeights(
                                all.query(),
                                new Projection(all.key().weight(), all.key().bias(), null),
                                all.value(),
                                all.epsilon(),
                                all.rope()));
    }

    private void projection(String name, UnaryOperator<ProjectionWeights> change) {
        fault(
                name,
                FusedChecks::of,
                "project",
                (k, a) ->
                        k.project(
                                tensor(a, 0),
                                tensor(a, 1),
                                change.apply((ProjectionWeights) Objects.requireNonNull(a[2])),
                                tensor(a, 3),
                                (KvPages) Objects.requireNonNull(a[4]),
                                tensor(a, 5),
                                (Workspace) Objects.requireNonNull(a[6])));
    }
}
