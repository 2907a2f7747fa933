"""Keys of objects: what is told of them, and what tells them apart."""

from __future__ import annotations

from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from calotype.domain import object_keys
from calotype.domain.object_keys import attempt_key, is_attempt, original_key, plain_key


@given(st.text(max_size=80), st.uuids(), st.uuids())
def test_clients_are_told_the_key_of_the_original_whichever_attempt_brought_it(name, tenant_id, asset_id):
    """Whatever the file is called, also like an attempt; and an attempt is always seen to be one."""
    original = original_key(tenant_id, asset_id, name)
    attempt = attempt_key(original)
    assert attempt != attempt_key(original)
    assert is_attempt(attempt)
    assert plain_key(attempt, name) == plain_key(original, name) == original
    assert object_keys.owner_in(attempt) == object_keys.owner_in(original) == str(asset_id)


def test_a_name_that_looks_like_an_attempt_keeps_its_beginning():
    """Twelve hexadecimal digits at the beginning of a name are part of it."""
    tenant_id, asset_id, name = uuid4(), uuid4(), "0123456789ab_pier.jpg"
    original = original_key(tenant_id, asset_id, name)
    assert plain_key(original, name) == original
    assert plain_key(attempt_key(original), name) == original


def test_what_is_made_is_told_from_originals_and_chunks():
    """The four forms the sweep asks different rows about are distinct."""
    ids = uuid4(), uuid4()
    made = {
        object_keys.keyframe_key(*ids, "0a1b2c3d4e5f", 3),
        object_keys.storyboard_key(*ids, "0a1b2c3d4e5f"),
        object_keys.rendition_key(*ids),
    }
    chunk, variant = object_keys.chunk_key(*ids, 2), object_keys.variant_key(*ids, "tiny_64", "jpg")
    everything = {*made, chunk, variant, original_key(*ids, "scene_1.jpg"), attempt_key(original_key(*ids, "a.jpg"))}
    assert {key for key in everything if object_keys.is_made_of_video(key)} == made
    assert {key for key in everything if object_keys.is_chunk(key)} == {chunk}
    assert sum(map(is_attempt, everything)) == 1
    assert {object_keys.owner_in(key) for key in everything} == {str(ids[1])}
    assert {object_keys.digits_in(key) for key in everything} == {None}
