"""Videos: reading their containers, finding scenes, making pictures and other forms of them; runs in limited children."""
