"""Small tools that several rooms share; packages are imported inside functions, by those who need them."""
