"""The publishers' XML, one module a format: bytes in, ArticleRecord out."""
