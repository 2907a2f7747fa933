"""Reading documents and web pages: files to text, without network or database."""
