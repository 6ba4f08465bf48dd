namespace Horizon.Flow.Text.Templates;

/// <summary>A list that Python prints in round brackets, that equals no other list, and whose items <c>%</c> takes one by one.</summary>
internal class TemplateTuple(IEnumerable<object?> items) : List<object?>(items);
