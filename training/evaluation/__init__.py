"""How good a model is on clades that nothing was trained or chosen on, judged from the result files that users get."""
