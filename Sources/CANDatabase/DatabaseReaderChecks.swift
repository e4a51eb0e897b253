import Units

// What must hold among the signals of one message.

extension DatabaseReader {
    /// Tells each multiplexed signal where its multiplexer stands.
    mutating func checkMultiplexing(of index: Int) throws(DatabaseError) {
        guard !scopes[index].isDropped else { return }
        var selector: BitField?
        var selectorName = ""
        var firstSelected: Int?
        for (place, signal) in messages[index].signals.enumerated() {
            switch signal.multiplexing {
            case .none: break
            case .selected: firstSelected = firstSelected ?? place
            case .multiplexer:
                if selector != nil {
                    try defect(
                        "the message \(messages[index].name) has two multiplexers, "
                            + "\(selectorName) and \(signal.name); one is supported",
                        at: scopes[index].signalLines[place])
                    scopes[index].isDropped = true
                }
                selector = signal.bits
                selectorName = signal.name
            }
        }
        guard let firstSelected else { return }
        if let selector {
            for place in messages[index].signals.indices {
                guard case .selected = messages[index].signals[place].multiplexing else { continue }
                messages[index].signals[place].selector = selector
            }
            return
        }
        // Of a CAN FD message the multiplexer may stand beyond byte 8. That is no defect of the
        // file.
        if messages[index].omittedSignals.isEmpty || messages[index].length <= 8 {
            try defect(
                "the signal \(messages[index].signals[firstSelected].name) is multiplexed, but the "
                    + "message \(messages[index].name) has no multiplexer",
                at: scopes[index].signalLines[firstSelected])
        }
        omitSelectedSignals(of: index)
    }

    private mutating func omitSelectedSignals(of index: Int) {
        var signals: [Signal] = []
        var lines: [Int] = []
        for (place, signal) in messages[index].signals.enumerated() {
            if case .selected = signal.multiplexing {
                scopes[index].places[signal.name] = .omitted
                messages[index].omittedSignals.append(signal.name)
            } else {
                scopes[index].places[signal.name] = .kept(signals.count)
                signals.append(signal)
                lines.append(scopes[index].signalLines[place])
            }
        }
        messages[index].signals = signals
        scopes[index].signalLines = lines
    }

    /// Two signals that can be in one frame must not share a bit.
    mutating func checkOverlaps(in index: Int) throws(DatabaseError) {
        guard !scopes[index].isDropped else { return }
        var always: UInt64 = 0
        var sometimes: UInt64 = 0
        var selected: [Int64: UInt64] = [:]
        let signals = messages[index].signals
        for (place, signal) in signals.enumerated() {
            let own = signal.payloadBits
            let others: UInt64
            if case .selected(let value) = signal.multiplexing {
                others = always | selected[value, default: 0]
                selected[value, default: 0] |= own
                sometimes |= own
            } else {
                others = always | sometimes
                always |= own
            }
            guard own & others != 0 else { continue }
            let other = signals[..<place].first { $0.overlaps(signal) }
            try defect(
                "the signals \(other?.name ?? "") and \(signal.name) of the message "
                    + "\(messages[index].name) overlap", at: scopes[index].signalLines[place])
        }
    }
}

extension Signal {
    /// Ones where the signal stands in `CANFrame.payload`.
    fileprivate var payloadBits: UInt64 {
        var payload: UInt64 = 0
        bits.insert(-1, into: &payload)
        return payload
    }

    fileprivate func overlaps(_ other: Signal) -> Bool {
        if case .selected(let mine) = multiplexing, case .selected(let its) = other.multiplexing,
            mine != its
        {
            return false
        }
        return payloadBits & other.payloadBits != 0
    }
}
