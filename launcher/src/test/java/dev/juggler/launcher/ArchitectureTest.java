package dev.juggler.launcher;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** Arrows point one way: launcher to engine to kernel-api, plugins to kernel-api only. */
@AnalyzeClasses(packages = "dev.juggler", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
    private static final String[] CONTRACTS = {
        "dev.juggler.kernel..", "dev.juggler.inference..", "dev.juggler.protocol.."
    };
    private static final String[] PLUGINS = {
        "dev.juggler.backend..", "dev.juggler.openai..", "dev.juggler.ollama.."
    };

    @ArchTest
    static final ArchRule contractsKnowNobody =
            noClasses()
                    .that()
                    .resideInAnyPackage(CONTRACTS)
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(
                            "dev.juggler.engine..",
                            "dev.juggler.launcher..",
                            "dev.juggler.backend..",
                            "dev.juggler.openai..",
                            "dev.juggler.ollama..",
                            "io.undertow..");

    @ArchTest
    static final ArchRule engineKnowsNoProtocolAndNoBackend =
            noClasses()
                    .that()
                    .resideInAPackage("dev.juggler.engine..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(
                            "dev.juggler.launcher..",
                            "dev.juggler.protocol..",
                            "dev.juggler.backend..",
                            "dev.juggler.openai..",
                            "dev.juggler.ollama..",
                            "io.undertow..",
                            "org.pf4j..",
                            "jcuda..");

    @ArchTest
    static final ArchRule pluginsKnowTheContractsOnly =
            noClasses()
                    .that()
                    .resideInAnyPackage(PLUGINS)
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage("dev.juggler.engine..", "dev.juggler.launcher..");

    @ArchTest
    static final ArchRule protocolsNeverSeeBackends =
            noClasses()
                    .that()
                    .resideInAnyPackage("dev.juggler.openai..", "dev.juggler.ollama..")
                    .should()
                    .dependOnClassesThat()
                    .haveFullyQualifiedName("dev.juggler.kernel.Backend");

    @ArchTest
    static final ArchRule blocksKnowNoArchitecture =
            noClasses()
                    .that()
                    .resideInAPackage("dev.juggler.engine.nn..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(
                            "dev.juggler.engine.architecture..", "dev.juggler.engine.device..");

    @ArchTest
    static final ArchRule packagesOfTheEngineHaveNoCycles =
            slices().matching("dev.juggler.engine.(*)..").should().beFreeOfCycles();
}
