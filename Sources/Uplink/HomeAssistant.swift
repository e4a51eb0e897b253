import JSON
import Units
import Wire

/// The device as Home Assistant finds it: for each value a retained description on its discovery
/// topics, and one retained message with the values. Reading only: no value here commands anything.
///
/// Source: Home Assistant's documentation of MQTT discovery (component, node id, object id,
/// `config`).
struct HomeAssistant {
    let site: String
    let device: String
    let version: String

    struct Message: Hashable {
        var topic: String
        var payload: [UInt8]
    }

    /// What Home Assistant shows of a signal with this unit.
    private struct Look {
        var component: String
        var deviceClass: String?
        var unit: String?
        /// From the integer of the image to what is shown.
        var template: String
    }

    /// At most as many signals as a site can have are described, whatever the image holds.
    private static let signalsMax = 32

    /// One description for each signal of the image, and four for the device itself.
    func discovery(_ image: JSONValue) -> [Message] {
        var messages = signals(image).compactMap { id, unit -> Message? in
            guard let look = Self.look(of: id, unit: unit) else { return nil }
            return describe(id, name: id.split(separator: "_").joined(separator: " "), look)
        }
        for (object, name, deviceClass) in [
            ("locked_out", "locked out", "problem"), ("alarm", "alarm", "problem"),
            ("heat_on", "heating", "heat"),
        ] {
            messages.append(
                describe(
                    object, name: name,
                    Look(
                        component: "binary_sensor", deviceClass: deviceClass, unit: nil,
                        template: "{{ 'ON' if value_json.\(object) else 'OFF' }}")))
        }
        messages.append(
            describe(
                "heating_state", name: "heating state",
                Look(
                    component: "sensor", deviceClass: nil, unit: nil,
                    template: "{{ value_json.heating_state }}")))
        return messages
    }

    /// The values of the image, as the descriptions find them.
    func values(_ image: JSONValue) -> Message {
        var values = JSONObject()
        for signal in image["signals"]?.array?.prefix(Self.signalsMax) ?? [] {
            guard let id = signal["id"]?.string, isPlain(id), values[id] == nil else { continue }
            // What is not known to be good is unknown, and never the last good value.
            values.append(id, signal["quality"]?.string == "ok" ? signal["value"] ?? .null : .null)
        }
        let standing = image["alarms"]?.array ?? []
        let own: [(String, JSONValue)] = [
            ("locked_out", .bool(image["lockout"]?["locked"]?.bool ?? false)),
            ("alarm", .bool(standing.contains { $0["severity"]?.string != "info" })),
            ("heat_on", .bool(image["heating"]?["heat_on"]?.bool ?? false)),
            ("heating_state", .string(image["heating"]?["state"]?.string ?? "unknown")),
        ]
        for (name, value) in own where values[name] == nil { values.append(name, value) }
        return Message(
            topic: Topics.state(device: device),
            payload: JSONValue.object(values).serializedBytes())
    }

    private func signals(_ image: JSONValue) -> [(id: String, unit: String)] {
        (image["signals"]?.array ?? []).prefix(Self.signalsMax).compactMap { signal in
            guard let id = signal["id"]?.string, isPlain(id), let unit = signal["unit"]?.string
            else { return nil }
            return (id, unit)
        }
    }

    /// Nothing that is put into a topic or a template comes from elsewhere unseen.
    private func isPlain(_ id: String) -> Bool {
        (1...40).contains(id.utf8.count)
            && id.utf8.allSatisfy {
                (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F
            }
    }

    private static func look(of id: String, unit: String) -> Look? {
        let value = "value_json.\(id)"
        func scaled(_ by: String) -> String {
            "{{ \(value) / \(by) if \(value) is number else None }}"
        }
        switch unit {
        case "millicelsius":
            return Look(
                component: "sensor", deviceClass: "temperature", unit: "°C",
                template: scaled("1000"))
        case "millilitres_per_minute":
            return Look(
                component: "sensor", deviceClass: "volume_flow_rate", unit: "L/min",
                template: scaled("1000"))
        case "permille":
            return Look(
                component: "sensor",
                deviceClass: id == "ambient_humidity" ? "humidity" : nil, unit: "%",
                template: scaled("10"))
        case "boolean":
            return Look(
                component: "binary_sensor", deviceClass: id == "gas" ? "gas" : nil, unit: nil,
                template: "{{ None if \(value) is none else 'ON' if \(value) == 1 else 'OFF' }}")
        default: return nil
        }
    }

    private func describe(_ object: String, name: String, _ look: Look) -> Message {
        var config: JSONValue = [
            "name": .string(name), "unique_id": .string("busbar_\(device)_\(object)"),
            "state_topic": .string(Topics.state(device: device)),
            "value_template": .string(look.template),
            "availability_topic": .string(Topics.status(device: device)),
            "availability_template": "{{ 'online' if value_json.online else 'offline' }}",
            "device": [
                "identifiers": [.string("busbar_\(device)")], "name": .string(device),
                "manufacturer": "Busbar", "model": .string(site), "sw_version": .string(version),
            ],
        ]
        if var members = config.object {
            if let unit = look.unit { members.append("unit_of_measurement", .string(unit)) }
            if let kind = look.deviceClass { members.append("device_class", .string(kind)) }
            config = .object(members)
        }
        return Message(
            topic: Topics.description(kind: look.component, device: device, id: object),
            payload: config.serializedBytes())
    }
}

extension UplinkSession {
    /// Between two messages with values, however fast they change.
    static let homeInterval = Milliseconds.seconds(10)

    /// Before descriptions that the broker refused go again: its access list may be mended by now.
    static let homeRetry = Milliseconds.seconds(300)

    /// What the journal's state image holds now. Descriptions go once in a connection, values when
    /// they have changed.
    mutating func noteImage(_ image: JSONValue, now: Instant) {
        guard settings.isHomeAssistant else { return }
        let home = HomeAssistant(
            site: settings.site, device: settings.device, version: settings.version)
        let isRetryDue = !topicsRefused.isEmpty && now - homeDescribedAt >= Self.homeRetry
        if !isHomeDescribed || isRetryDue {
            isHomeDescribed = true
            homeDescribedAt = now
            homeQueue = home.discovery(image)
            homeSaid = nil
        }
        let values = home.values(image)
        guard values != homeSaid else { return }
        homeSaid = values
        homeQueue.removeAll { $0.topic == values.topic }
        homeQueue.append(values)
    }

    /// The next of these messages, where nothing of more weight wants the link.
    mutating func homePublication(now: Instant) -> Publication? {
        guard !homeQueue.isEmpty else { return nil }
        let message = homeQueue[0]
        if message.topic == Topics.state(device: settings.device) {
            guard now - homeAt >= Self.homeInterval else { return nil }
            homeAt = now
        }
        homeQueue.removeFirst()
        let token = takeToken()
        unconfirmed[token] = Unconfirmed(
            lane: nil, topic: message.topic,
            mark: meter.sent(bytes: message.payload.count, now: now))
        return Publication(
            token: token, topic: message.topic, payload: message.payload, isRetained: true,
            contentType: "application/json")
    }
}
