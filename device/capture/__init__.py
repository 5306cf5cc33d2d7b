"""Draw, train, see it learn: the touchscreen application. Display, touch and files come by
argument (see boards/)."""
