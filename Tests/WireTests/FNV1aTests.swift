import Testing
import Wire

@Suite("FNV-1a")
struct FNV1aTests {
    /// The first four are the algorithm's own test vectors (its authors' reference page).
    @Test(
        "gives what its authors publish, in pieces too",
        arguments: [
            ("", "cbf29ce484222325"), ("a", "af63dc4c8601ec8c"), ("foobar", "85944171f73967e8"),
            ("chongo was here!\n", "46810940eff5f915"),
        ])
    func vectors(text: String, digits: String) {
        var whole = FNV1a()
        whole.add(text.utf8)
        #expect(whole.text == digits)

        var inPieces = FNV1a()
        inPieces.add(text.utf8.prefix(1))
        for byte in text.utf8.dropFirst(1) { inPieces.add(byte) }
        #expect(inPieces.hash == whole.hash)
    }
}
