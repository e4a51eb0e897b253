extension String {
    /// Whether `part` stands somewhere in this text, byte by byte.
    ///
    /// Not `contains`: with a string as its argument that one lives in the regular-expression
    /// library, and this one call would put 0.85 MB of it into busbard.
    func holds(_ part: String) -> Bool {
        let (text, part) = (Array(utf8), Array(part.utf8))
        guard text.count >= part.count else { return false }
        return (0...(text.count - part.count)).contains { start in
            text[start..<(start + part.count)].elementsEqual(part)
        }
    }
}
