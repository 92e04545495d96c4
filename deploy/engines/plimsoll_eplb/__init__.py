"""Makes the expert load balancing of vLLM and SGLang ask Plimsoll where experts should be."""
