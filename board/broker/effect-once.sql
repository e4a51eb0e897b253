-- Effect once: how a consumer of Busbar's topics takes each event once into PostgreSQL 14 or newer.
--
-- Kafka has an event at least once: a device sends again what nobody confirmed, and a bridge writes
-- again what it is sent. So whoever adds, counts or pays by events has to know which he has had.
-- The identity of an event says it: device (the record's key), and epoch, lane and number (the
-- header ce_id). What is kept of that is one row for each lane, with the ranges of the numbers
-- whose effect is here: one range as long as nothing is missing. With it are hashes of the lane's
-- newest 512 values, by which another event with the same identity is found; and never a row for
-- each event.
--
-- Load it once into the database that has the effects: the two have to be in one transaction.
--
--     psql --single-transaction --set ON_ERROR_STOP=1 --file effect-once.sql DATABASE
--
-- Then some hundred records at a time, in the order in which Kafka has them:
--
--     BEGIN;
--     SELECT place, is_late
--     FROM busbar.take(ARRAY[key, ...], ARRAY[ce_id, ...], ARRAY[value, ...]);
--     ... the effects of those places, in this order, and of no others ...
--     SELECT busbar.note_gap(key, ce_id, value);  -- of each queue.dropped and queue.skipped there
--     SELECT busbar.go_on_at('my consumer', topic, partition, offset of the next record);
--     COMMIT;
--
-- At its start a consumer goes on at what busbar.offsets has, not at the offset that Kafka keeps
-- for it, which is committed apart from the effects. After any error: ROLLBACK, the same again.
-- A value is handed over as Kafka has it, byte for byte: what was read and written anew differs.
--
-- Why each effect is there once, whoever is killed and when:
--
-- 1. The effect and the note of its number are in one transaction: both are kept, or neither.
-- 2. `take` locks the rows of its lanes until that transaction ends. Two consumers that have one
--    partition for a moment take turns, and the second one sees what the first has noted.
-- 3. A device gives a number once in an epoch, so a number that was seen is the same event. Two
--    devices that run from one card, or a card that was put back, break this, and so `take` keeps
--    a hash of the values of each lane's newest 512 numbers. A record whose number was seen with
--    another value is a collision: it has no effect, it stands in busbar.collisions with its whole
--    value, written by the same transaction and once however often it comes, and a WARNING says
--    so, which PostgreSQL's log has too. Two in one call are compared with each other. A record
--    whose number is older than those 512 cannot be judged: it is skipped as seen, and nobody is
--    told. The bridge finds such ones while it runs: it compares each event with the 8,192 numbers
--    of its lane that it remembers, and the running hash of each batch, in which a fork shows.
-- 4. An offset that lies behind brings records again, which `take` knows. One that lies ahead would
--    lose some, so it is written by the same transaction.
--
-- Only effects in this database are meant. For one elsewhere, a mail or a switch, write a row that
-- asks for it, and let whoever does it tell by the identity what he has done.

CREATE SCHEMA busbar;

CREATE TABLE busbar.lanes (
    device text NOT NULL,
    epoch uuid NOT NULL,
    lane text NOT NULL CHECK (lane IN ('alarm', 'event', 'telemetry')),
    -- The numbers whose effect is in this database.
    seen int8multirange NOT NULL DEFAULT '{}',
    -- Numbers that the device has declared to be in no record. They are not among the seen: one
    -- that was sent before it was dropped may come after all, and then it is new.
    gaps int8multirange NOT NULL DEFAULT '{}',
    PRIMARY KEY (device, epoch, lane)
-- A row changes with each transaction; with room in its page the index need not.
) WITH (fillfactor = 50);

-- A ring for each lane, by which a value is known again: the hash of number n has place n % 512.
-- It is cut into 8 rows, so that a call writes only those in which it has numbers, 600 bytes each,
-- and not 4 KB for one event. Nobody has to clear a place: the newest 512 numbers have each a place
-- of their own, and whichever of them was seen has written it.
--
-- 512 is chosen: two full batches of an uplink, for 12 KB a lane (measured, with index and room for
-- updates). The bridge remembers far more; here is found what came by two bridges, or before and
-- after the start of one. A hash is the first 8 bytes of SHA-256: one rival in 1.8e19 has the same
-- by chance. That is for accidents; who can send as the device may look for one, 2^64 tries long.
CREATE TABLE busbar.hashes (
    device text NOT NULL,
    epoch uuid NOT NULL,
    lane text NOT NULL,
    part integer NOT NULL,
    hashes bytea NOT NULL,
    PRIMARY KEY (device, epoch, lane, part)
) WITH (fillfactor = 50);

-- Dead letters, each of them for a person: which of two devices is the right one? Set `resolved_at`
-- then, or delete the row; a deleted one is there again if the record comes again.
CREATE TABLE busbar.collisions (
    device text NOT NULL,
    epoch uuid NOT NULL,
    lane text NOT NULL,
    seq bigint NOT NULL,
    -- Of the value that was taken, and of this one, which was not.
    taken_hash bytea NOT NULL,
    hash bytea NOT NULL,
    value bytea NOT NULL,
    found_at timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz,
    PRIMARY KEY (device, epoch, lane, seq, hash)
);

CREATE TABLE busbar.offsets (
    consumer text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (consumer, topic, partition)
) WITH (fillfactor = 50);

-- A row of busbar.hashes with these in their cells, 0 to 63. What nobody wrote is never read.
CREATE FUNCTION busbar.with_hashes(row_before bytea, cells integer[], added bytea[]) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    hashes bytea := coalesce(row_before, decode(repeat('00', 64 * 8), 'hex'));
BEGIN
    FOR index IN 1 .. cardinality(cells) LOOP
        hashes := overlay(hashes PLACING added[index] FROM cells[index] * 8 + 1);
    END LOOP;
    RETURN hashes;
END
$$;

-- Notes the records that are new here, and returns those alone: the place in the arrays, from 1 on,
-- and the identity, each lane in the order of its numbers. `is_late`: an earlier call has returned
-- a higher number of this lane, so an effect that keeps only the newest value has to leave it out.
CREATE FUNCTION busbar.take(devices text[], ids text[], contents bytea[])
RETURNS TABLE (place bigint, device text, epoch uuid, lane text, seq bigint, is_late boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    epochs uuid[];
    lanes text[];
    seqs bigint[];
    digests bytea[];
    stranger record;
    rivals bigint;
    one_of_them text;
BEGIN
    IF cardinality(devices) IS DISTINCT FROM cardinality(ids)
        OR cardinality(devices) IS DISTINCT FROM cardinality(contents)
    THEN
        RAISE EXCEPTION
            'busbar.take: found % keys, % ids and % values; give all three of each record',
            coalesce(cardinality(devices), 0), coalesce(cardinality(ids), 0),
            coalesce(cardinality(contents), 0);
    END IF;

    -- ce_id is "<epoch>:<lane>:<number>", the epoch as 32 hexadecimal digits.
    BEGIN
        SELECT array_agg(split_part(id, ':', 1)::uuid ORDER BY place),
            array_agg(split_part(id, ':', 2) ORDER BY place),
            array_agg(split_part(id, ':', 3)::bigint ORDER BY place),
            array_agg(substr(sha256(content), 1, 8) ORDER BY place)
        INTO epochs, lanes, seqs, digests
        FROM unnest(ids, contents) WITH ORDINALITY AS record (id, content, place);
    EXCEPTION WHEN invalid_text_representation OR numeric_value_out_of_range THEN
        epochs := ARRAY[NULL];
    END;
    IF array_position(epochs, NULL) IS NOT NULL OR array_position(devices, NULL) IS NOT NULL
        OR NOT lanes <@ ARRAY['alarm', 'event', 'telemetry'] OR 1 > ANY (seqs)
    THEN
        SELECT device, id INTO stranger
        FROM unnest(devices, ids) AS record (device, id)
        WHERE device IS NULL OR id IS NULL
            OR id !~ '^[0-9a-f]{32}:(alarm|event|telemetry):[1-9][0-9]{0,17}$'
        LIMIT 1;
        RAISE EXCEPTION 'busbar.take: found key % with ce_id %; expected is EPOCH:LANE:NUMBER',
            quote_nullable(stranger.device), quote_nullable(stranger.id)
            USING HINT = 'It is no event of Busbar: put it aside, and take the others again.';
    END IF;
    IF array_position(digests, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'busbar.take: found key % with ce_id % and NULL as its value; each event '
            'has one', quote_nullable(devices[array_position(digests, NULL)]),
            quote_nullable(ids[array_position(digests, NULL)])
            USING HINT = 'It is no event of Busbar: put it aside, and take the others again.';
    END IF;

    -- Rows are made and locked in one order, so that no two consumers wait for each other.
    INSERT INTO busbar.lanes (device, epoch, lane)
    SELECT DISTINCT device, epoch, lane
    FROM unnest(devices, epochs, lanes) AS batch (device, epoch, lane) ORDER BY 1, 2, 3
    ON CONFLICT DO NOTHING;
    PERFORM 1
    FROM busbar.lanes AS known
    JOIN (
        SELECT DISTINCT device, epoch, lane
        FROM unnest(devices, epochs, lanes) AS batch (device, epoch, lane)
    ) AS wanted USING (device, epoch, lane)
    ORDER BY device, epoch, lane
    FOR UPDATE OF known;

    -- A statement of its own: it sees what was committed while the one above had to wait.
    WITH judged AS (
        SELECT device, epoch, lane, seq, hash, place,
            CASE WHEN NOT seen @> seq THEN
                first_value(hash) OVER (PARTITION BY device, epoch, lane, seq ORDER BY place)
            WHEN seq >= upper(seen) - 512 THEN (
                SELECT substr(ring.hashes, (seq % 64)::integer * 8 + 1, 8)
                FROM busbar.hashes AS ring
                WHERE ring.device = known.device AND ring.epoch = known.epoch
                    AND ring.lane = known.lane AND ring.part = seq % 512 / 64)
            END AS taken_hash
        FROM unnest(devices, epochs, lanes, seqs, digests) WITH ORDINALITY
            AS batch (device, epoch, lane, seq, hash, place)
        JOIN busbar.lanes AS known USING (device, epoch, lane)
    ), found AS (
        INSERT INTO busbar.collisions (device, epoch, lane, seq, taken_hash, hash, value)
        SELECT device, epoch, lane, seq, taken_hash, hash, contents[place]
        FROM judged WHERE hash <> taken_hash
        ON CONFLICT DO NOTHING
        RETURNING device, epoch, lane, seq
    )
    SELECT count(*), min(format(
        'key %L with ce_id ''%s:%s:%s''', device, replace(epoch::text, '-', ''), lane, seq))
    INTO rivals, one_of_them
    FROM found;
    IF rivals > 0 THEN
        RAISE WARNING 'busbar.take: found % collisions, for example %: seen with another value, so '
            'not taken, but kept in busbar.collisions', rivals, one_of_them
            USING HINT = 'Two devices have one identity, or a card was put back: look at both.';
    END IF;

    RETURN QUERY
    WITH fresh AS MATERIALIZED (
        SELECT DISTINCT ON (device, epoch, lane, seq) place, device, epoch, lane, seq, hash,
            coalesce(seq < upper(seen), false) AS is_late,
            greatest(upper(seen) - 1, max(seq) OVER (PARTITION BY device, epoch, lane)) AS newest
        FROM unnest(devices, epochs, lanes, seqs, digests) WITH ORDINALITY
            AS batch (device, epoch, lane, seq, hash, place)
        JOIN busbar.lanes AS known USING (device, epoch, lane)
        WHERE NOT seen @> seq
        ORDER BY device, epoch, lane, seq, place
    ), noted AS (
        UPDATE busbar.lanes AS known SET seen = seen + added.numbers
        FROM (
            SELECT device, epoch, lane, range_agg(int8range(seq, seq, '[]')) AS numbers
            FROM fresh GROUP BY device, epoch, lane
        ) AS added
        WHERE known.device = added.device AND known.epoch = added.epoch
            AND known.lane = added.lane
    ), hashed AS (
        INSERT INTO busbar.hashes
        SELECT device, epoch, lane, part, busbar.with_hashes(hashes, cells, added)
        FROM (
            SELECT device, epoch, lane, (seq % 512 / 64)::integer AS part,
                array_agg((seq % 64)::integer) AS cells, array_agg(hash) AS added
            FROM fresh WHERE seq > newest - 512 GROUP BY device, epoch, lane, part
        ) AS changed
        LEFT JOIN busbar.hashes USING (device, epoch, lane, part)
        ON CONFLICT (device, epoch, lane, part) DO UPDATE SET hashes = excluded.hashes
    )
    SELECT place, device, epoch, lane, seq, is_late
    FROM fresh ORDER BY device, epoch, lane, seq;
END
$$;

-- Notes what a queue.dropped or a queue.skipped declares in its data, of the epoch of that record.
-- It may be called for a record that came before.
CREATE FUNCTION busbar.note_gap(device text, id text, data jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO busbar.lanes AS known (device, epoch, lane, gaps)
    VALUES (
        device, split_part(id, ':', 1)::uuid, data ->> 'lane',
        int8multirange(int8range((data ->> 'from')::bigint, (data ->> 'to')::bigint, '[]')))
    ON CONFLICT (device, epoch, lane) DO UPDATE SET gaps = known.gaps + excluded.gaps
$$;

CREATE FUNCTION busbar.go_on_at(consumer text, topic text, partition integer, next_offset bigint)
RETURNS void
LANGUAGE sql AS $$
    INSERT INTO busbar.offsets VALUES (consumer, topic, partition, next_offset)
    ON CONFLICT (consumer, topic, partition) DO UPDATE SET next_offset = excluded.next_offset
$$;

-- Numbers between others of their lane that neither came nor were declared. For a moment that is
-- usual; what stands here for longer is in the dead letters, in a partition that lags, or lost.
CREATE VIEW busbar.missing AS
SELECT device, epoch, lane,
    unnest(int8multirange(int8range(lower(seen), upper(seen))) - seen - gaps) AS numbers
FROM busbar.lanes
WHERE NOT isempty(seen);
