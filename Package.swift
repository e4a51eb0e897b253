// swift-tools-version: 6.2
import PackageDescription

// This manifest is the architecture: a target may import what it names here and nothing else, and
// `swift build --explicit-target-dependency-import-check error` holds it to that.

/// Settings of every target: Swift 6 language mode, and no unsafe call that is not marked as one.
let checked: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .strictMemorySafety(),
]

/// Targets that speak to C: they are unsafe throughout, so marking every line would tell nothing.
let unsafeByNature: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
]

let argumentParser: Target.Dependency = .product(
    name: "ArgumentParser", package: "swift-argument-parser")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")

let package = Package(
    name: "busbar",
    products: [
        .executable(name: "busbard", targets: ["busbard"]),
        .executable(name: "busbar", targets: ["busbar"]),
        .executable(name: "busbar-uplink", targets: ["busbar-uplink"]),
        .executable(name: "busbar-bridge", targets: ["busbar-bridge"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
    ],
    targets: [
        // The pure core: integers, no clock, no I/O, no allocation (the Embedded gate proves it).
        .target(name: "Units", swiftSettings: checked),
        .target(name: "Events", dependencies: ["Units"], swiftSettings: checked),
        .target(name: "RelayBoard", dependencies: ["Units"], swiftSettings: checked),
        .target(
            name: "Control", dependencies: ["Units", "Events", "RelayBoard"],
            swiftSettings: checked),

        // Files of a site: JSON and DBC in, checked plans out.
        .target(name: "JSON", swiftSettings: checked),
        .target(name: "CANDatabase", dependencies: ["Units"], swiftSettings: checked),
        .target(
            name: "Site",
            dependencies: [
                "Units", "Events", "RelayBoard", "Control", "CANDatabase", "JSON", "Wire",
            ],
            swiftSettings: checked),

        // What a machine must have for a site, judged from facts that were read elsewhere.
        .target(
            name: "Doctor", dependencies: ["Site", "RelayBoard", "JSON", "Wire"],
            swiftSettings: checked),

        // Buses, and what hangs on them.
        .target(name: "HAL", dependencies: ["Units"], swiftSettings: checked),
        .target(
            name: "Drivers", dependencies: ["Units", "RelayBoard", "Control", "HAL"],
            swiftSettings: checked),
        .target(name: "CSanitizer"),
        .target(name: "CLinuxHAL"),
        .target(
            name: "LinuxHAL", dependencies: ["Units", "HAL", "CLinuxHAL"],
            swiftSettings: unsafeByNature),
        // The board's side of the kernel. Apart from `LinuxHAL`, so that programs without a board
        // need none of these libraries.
        .systemLibrary(name: "CI2C"),
        .systemLibrary(name: "CGPIOD"),
        .systemLibrary(name: "CSocketCAN"),
        .target(
            name: "LinuxBuses",
            dependencies: [
                "Units", "RelayBoard", "HAL", "LinuxHAL", "CLinuxHAL", "CI2C", "CGPIOD",
                "CSocketCAN",
            ],
            swiftSettings: unsafeByNature),
        .target(
            name: "Runtime",
            dependencies: ["Units", "Events", "RelayBoard", "Control", "HAL", "CSanitizer"],
            swiftSettings: checked),
        .target(
            name: "Simulation",
            dependencies: [
                "Units", "Events", "RelayBoard", "Control", "HAL", "Drivers", "Runtime", "Site",
                "CANDatabase", "JSON", "Wire",
            ],
            swiftSettings: checked),

        // What is kept and what is told.
        .target(
            name: "Wire", dependencies: ["Units", "Events", "RelayBoard", "JSON"],
            swiftSettings: checked),
        .systemLibrary(name: "CSQLite"),
        .target(
            name: "Journal",
            dependencies: ["Units", "Events", "Control", "Wire", "JSON", "CSQLite"],
            swiftSettings: unsafeByNature),
        // A disk that loses what was not synced: for tests and simulations only.
        .target(name: "CCrashDisk", linkerSettings: [.linkedLibrary("sqlite3")]),
        .target(
            name: "CrashDisk", dependencies: ["Journal", "CCrashDisk"],
            swiftSettings: unsafeByNature),
        .target(
            name: "LocalAPI",
            dependencies: [
                "Units", "Events", "RelayBoard", "Control", "Wire", "JSON", "CLinuxHAL",
            ],
            swiftSettings: unsafeByNature),

        // From the device to the cluster.
        .systemLibrary(name: "CDeflate"),
        .systemLibrary(name: "CZlib"),
        .systemLibrary(name: "CCrypto"),
        .target(
            name: "Transit", dependencies: ["Wire", "JSON", "CDeflate", "CZlib", "CCrypto"],
            swiftSettings: unsafeByNature),
        .systemLibrary(name: "CMosquitto"),
        .target(
            name: "MQTT", dependencies: ["CMosquitto", "Wire"], swiftSettings: unsafeByNature),
        .target(
            name: "Uplink",
            dependencies: ["Units", "Events", "Wire", "Transit", "JSON", "Journal"],
            swiftSettings: checked),
        .target(
            name: "Bridge", dependencies: ["Units", "Events", "Wire", "Transit", "JSON"],
            swiftSettings: checked),
        .systemLibrary(name: "CRdkafka"),
        // Takes malloc's place in the program that links it.
        .systemLibrary(name: "CJemalloc"),
        .target(
            name: "Kafka", dependencies: ["Bridge", "LinuxHAL", "Wire", "CRdkafka"],
            swiftSettings: unsafeByNature),

        // The whole way in one process and in virtual time, from one seed.
        .target(
            name: "ChainSimulation",
            dependencies: [
                "Units", "Events", "Wire", "JSON", "Journal", "CrashDisk", "Transit", "Uplink",
                "Bridge", "LinuxHAL", "Simulation",
            ],
            swiftSettings: checked),

        // Composition roots.
        .executableTarget(
            name: "busbard",
            dependencies: [
                "Units", "Events", "Control", "RelayBoard", "Site", "Drivers", "HAL", "LinuxHAL",
                "LinuxBuses", "Runtime", "Simulation", "Journal", "LocalAPI", "Wire", "JSON",
            ],
            swiftSettings: checked),
        .executableTarget(
            name: "busbar",
            dependencies: [
                "Units", "Events", "Control", "RelayBoard", "Site", "CANDatabase", "Simulation",
                "ChainSimulation", "LocalAPI", "Wire", "JSON", "Journal", "Transit", "Doctor",
                "LinuxHAL", "LinuxBuses", "Drivers", "HAL", argumentParser,
            ],
            swiftSettings: checked),

        .executableTarget(
            name: "busbar-uplink",
            dependencies: [
                "Uplink", "MQTT", "Transit", "Wire", "Site", "LinuxHAL", "Units", "JSON",
            ],
            swiftSettings: unsafeByNature),

        .executableTarget(
            name: "busbar-bridge",
            dependencies: [
                "Units", "HAL", "LinuxHAL", "Wire", "Transit", "JSON", "MQTT", "Bridge", "Kafka",
                "CJemalloc", argumentParser, nioCore, nioPosix, nioHTTP1,
            ],
            swiftSettings: checked),

        // What stands in for a cluster in tests and in the demo.
        .executableTarget(
            name: "mock-kafka", dependencies: ["JSON", "CRdkafka"], path: "Tests/MockKafka",
            swiftSettings: unsafeByNature),
        // The world around busbard on the virtual board: sensors, relay board, contactors.
        .executableTarget(
            name: "virtual-world",
            dependencies: [
                "Units", "RelayBoard", "Control", "HAL", "LinuxHAL", "Site", "Simulation", "JSON",
            ],
            path: "board/virtual/World", swiftSettings: unsafeByNature),
        // What `make bench` needs beside Busbar's programs.
        .executableTarget(
            name: "chain-bench",
            dependencies: ["Units", "Events", "Wire", "Journal", "Transit", "MQTT", "Bridge"],
            path: "Tests/Benchmarks",
            exclude: [
                "Peers", "bench_chain.py", "bench_journal.py", "bench_kept.py", "bench_table.py",
                "chain_benchmarks.py", "link.py",
            ],
            swiftSettings: unsafeByNature),

        .testTarget(name: "UnitsTests", dependencies: ["Units"]),
        .testTarget(name: "EventsTests", dependencies: ["Events", "Units"]),
        .testTarget(name: "RelayBoardTests", dependencies: ["RelayBoard", "Units"]),
        .testTarget(
            name: "ControlTests", dependencies: ["Control", "RelayBoard", "Events", "Units"]),
        .testTarget(name: "LinuxHALTests", dependencies: ["LinuxHAL", "HAL", "Units"]),
        .testTarget(
            name: "LinuxBusesTests",
            dependencies: ["LinuxBuses", "LinuxHAL", "RelayBoard", "HAL", "Units"]),
        .testTarget(name: "JSONTests", dependencies: ["JSON"]),
        .testTarget(
            name: "CANDatabaseTests", dependencies: ["CANDatabase", "Units"],
            exclude: ["Fixtures", "compare_with_cantools.py"]),
        .testTarget(
            name: "SiteTests",
            dependencies: ["Site", "Control", "JSON", "Units", "Events", "RelayBoard", "Wire"],
            exclude: ["Corpus", "check_schema.py"]),
        .testTarget(name: "DoctorTests", dependencies: ["Doctor", "JSON", "Wire"]),
        .testTarget(
            name: "DriversTests",
            dependencies: ["Drivers", "HAL", "Control", "RelayBoard", "Simulation", "Units"]),
        .testTarget(
            name: "RuntimeTests",
            dependencies: ["Runtime", "Control", "Events", "RelayBoard", "HAL", "Units"]),
        .testTarget(
            name: "SimulationTests",
            dependencies: ["Simulation", "Site", "Control", "Events", "JSON", "Units"],
            exclude: ["Corpus", "check_schema.py"]),
        .testTarget(
            name: "TransitTests",
            dependencies: ["Transit", "CCrypto", "Wire", "Events", "JSON", "Units"]),
        .testTarget(name: "MQTTTests", dependencies: ["MQTT", "Wire"]),
        .testTarget(
            name: "UplinkTests",
            dependencies: ["Uplink", "Journal", "Transit", "Wire", "Events", "JSON", "Units"]),
        .testTarget(
            name: "BridgeTests",
            dependencies: ["Bridge", "Transit", "Wire", "Events", "JSON", "Units"]),
        .testTarget(name: "KafkaTests", dependencies: ["Kafka", "Bridge", "CRdkafka"]),
        .testTarget(
            name: "ChainSimulationTests",
            dependencies: [
                "ChainSimulation", "CrashDisk", "Bridge", "Uplink", "Events", "Wire", "Units",
            ]),
        .testTarget(
            name: "WireTests", dependencies: ["Wire", "Events", "JSON", "Units"],
            exclude: ["check_events.py"]),
        .testTarget(
            name: "JournalTests",
            dependencies: ["Journal", "CrashDisk", "Control", "Events", "Wire", "JSON", "Units"]),
        .testTarget(
            name: "LocalAPITests",
            dependencies: ["LocalAPI", "Control", "Events", "Wire", "JSON", "Units"]),
        .testTarget(
            name: "SystemTests", dependencies: ["JSON"],
            exclude: [
                "Golden", "chain.py", "check_broker.py", "check_chain.py", "check_commands.py",
                "check_bridge.py", "check_damage.py", "check_lease.py", "check_systemd.py",
                "check_virtual_board.py", "check_virtual_doctor.py",
                "check_virtual_interfaces.py", "check_virtual_watchdog.py", "container.py",
                "device.py", "emulated.py", "measure_trips.py", "sandbox_probe.c",
                "virtual_board.py", "virtual_device.py",
            ]),
        .testTarget(name: "TidyTests"),
    ]
)

// `make test` sets this. Only for debug builds, where the tests run: whoever installs Busbar makes
// a release build, perhaps with a newer compiler, and its new warnings must not stop them.
if Context.environment["BUSBAR_WARNINGS_ARE_ERRORS"] == "1" {
    for target in package.targets where target.type != .system {
        target.swiftSettings =
            (target.swiftSettings ?? [])
            + [.treatAllWarnings(as: .error, .when(configuration: .debug))]
        target.cSettings =
            (target.cSettings ?? [])
            + [.treatAllWarnings(as: .error, .when(configuration: .debug))]
    }
}
